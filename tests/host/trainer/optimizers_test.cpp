// SPDX-License-Identifier: Apache-2.0
//
// Optimizers and schedules that a program gives to the Trainer; and push(), which it gives an uploader.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <trainer/sdk.hpp>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/torch_optimizer.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

// The same, as a plugin (ext/optimizer.h) and as an object of the program.
class SettingPlugin final : public sdk::TrainerCallback {
 public:
  explicit SettingPlugin(const sdk::Host& host) : host_(host) {}
  void on_step_begin(const Arguments&, const State& state, Control&) override {
    const auto optimizer = host_.optimizer();
    batches = train_dataloader_size();
    names.clear();
    for (std::uint64_t group = 0; group < optimizer->size(); ++group) {
      for (const auto name : optimizer->group(group).params) names += std::string(name) + " ";
      if (state.global_step > 0) optimizer->set_lr(group, 0.25);
    }
  }
  static inline std::string names;
  static inline std::int64_t batches = 0;

 private:
  sdk::Host host_;
};

struct SettingCallback final : TrainerCallback {
  void on_step_begin(CallbackContext& context) override {
    if (context.state.global_step == 0) return;
    for (auto& group : context.optimizer->param_groups()) group.lr = 0.25;
  }
};

struct OptimizersTest : testing::Test {
  OptimizersTest() {
    log::set_sink([](log::Level, std::string_view) {});
    reset();
    torch::manual_seed(0);
    data = std::make_shared<TensorDataset>(torch::randn({8, 3}), torch::randn({8, 1}));
  }
  ~OptimizersTest() override { log::set_sink({}); }
  void reset() {
    torch::manual_seed(1);
    net = torch::nn::Sequential(torch::nn::Linear(3, 4), torch::nn::Linear(4, 1));
  }
  TrainerOptions options(const char* directory = "run") {
    TrainerOptions o;
    o.model = supervised(net, mse_loss);
    o.args.output_dir = (scratch / directory).string();
    o.args.report_to = {};
    o.args.max_steps = 4;
    o.args.save_steps = 2;
    o.args.logging_steps = 1;
    o.args.per_device_train_batch_size = 4;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  at::Tensor weight() const { return net->parameters()[0].detach().clone(); }
  static std::vector<double> rates(const Trainer& trainer) {
    std::vector<double> out;
    for (const auto& entry : trainer.state().log_history)
      if (const auto* rate = entry.if_contains("learning_rate")) out.push_back(rate->to_number<double>());
    return out;
  }
  test::ScratchDirectory scratch;
  torch::nn::Sequential net{nullptr};
  std::shared_ptr<TensorDataset> data;
};

TEST_F(OptimizersTest, OneOfTorchIsTakenAndResumedWithTheSameBits) {
  using Make = std::function<std::shared_ptr<torch::optim::Optimizer>()>;
  const std::map<std::string, Make> makers{
      {"sgd",
       [&] {
         return std::make_shared<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9));
       }},
      {"adam",
       [&] { return std::make_shared<torch::optim::Adam>(net->parameters(), torch::optim::AdamOptions(0.05)); }},
      {"adamw",
       [&] { return std::make_shared<torch::optim::AdamW>(net->parameters(), torch::optim::AdamWOptions(0.05)); }}};
  for (const auto& [name, make] : makers) {
    const auto run = [&](const std::string& directory, const std::optional<fs::path>& from) {
      reset();
      auto o = options(directory.c_str());
      o.optimizers.optimizer = adapt_optimizer(make());
      Trainer trainer(std::move(o));
      EXPECT_EQ(trainer.optimizer()->param_groups()[0].names[0], "0.weight") << "the model's names";
      trainer.train(from);
      EXPECT_THAT(rates(trainer), ElementsAre(0.05, 0.05 * 0.75, 0.05 * 0.5, 0.05 * 0.25));
      return weight();
    };
    const auto whole = run(name, {});
    EXPECT_TRUE(at::equal(run(name + "-again", scratch / name / "checkpoint-2"), whole)) << name;
  }
}

TEST_F(OptimizersTest, APluginSetsTheRateOfEachAsACallbackOfTheProgramDoes) {
  const auto run = [&](const std::string& optim, const std::vector<CallbackSpec>& callbacks) {
    reset();
    auto o = options();
    o.args.save_strategy = "no";
    if (optim == "adapted")
      o.optimizers.optimizer = adapt_optimizer(
          std::make_shared<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(0.05).momentum(0.9)));
    else
      o.args.optim = optim;
    o.callbacks = callbacks;
    Trainer trainer(std::move(o));
    trainer.train();
    return weight();
  };
  auto all = optimizer_names();
  all.push_back("adapted");
  for (const std::string& optim : all) {
    const auto plugin = run(optim, {CallbackSpec::plugin(sdk::plugin_table<SettingPlugin>())});
    EXPECT_TRUE(at::equal(plugin, run(optim, {std::make_shared<SettingCallback>()}))) << optim;
    EXPECT_FALSE(at::equal(plugin, run(optim, {}))) << optim;
    EXPECT_EQ(SettingPlugin::names,
              optim == "adapted" ? "0.weight 0.bias 1.weight 1.bias " : "0.weight 1.weight 0.bias 1.bias ")
        << optim;
    EXPECT_EQ(SettingPlugin::batches, 2);
  }
}

TEST_F(OptimizersTest, AScheduleOfTheProgramIsAFactorOfTheStep) {
  const auto run = [&](const char* directory, const std::optional<fs::path>& from) {
    reset();
    auto o = options(directory);
    o.args.learning_rate = 0.1;
    o.optimizers.lr_lambda = [](std::int64_t step) { return step < 2 ? 1.0 : 0.5; };
    Trainer trainer(std::move(o));
    trainer.train(from);
    EXPECT_THAT(rates(trainer), ElementsAre(0.1, 0.1, 0.05, 0.05));
    return weight();
  };
  const auto whole = run("whole", {});
  EXPECT_TRUE(at::equal(run("again", scratch / "whole" / "checkpoint-2"), whole));
}

TEST_F(OptimizersTest, OptimizerAndScheduleMayBothBeGiven) {
  auto o = options();
  const auto optimizer = std::shared_ptr<Optimizer>(
      adapt_optimizer(std::make_shared<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(0.5))));
  o.optimizers = {.optimizer = optimizer,
                  .lr_scheduler = make_lambda_scheduler(*optimizer, [](std::int64_t) { return 0.5; })};
  Trainer trainer(std::move(o));
  EXPECT_EQ(trainer.optimizer(), optimizer.get());
  EXPECT_NE(trainer.lr_scheduler(), nullptr);
  trainer.train();
  EXPECT_THAT(rates(trainer), ElementsAre(0.25, 0.25, 0.25, 0.25));
}

TEST_F(OptimizersTest, WhatDoesNotFitTogetherIsRefused) {
  const auto optimizer = [&] {
    return std::shared_ptr<Optimizer>(
        adapt_optimizer(std::make_shared<torch::optim::SGD>(net->parameters(), torch::optim::SGDOptions(0.5))));
  };
  const auto one = optimizer();
  const auto half = [](std::int64_t) { return 0.5; };
  auto o = options();
  o.optimizers.lr_scheduler = make_lambda_scheduler(*one, half);
  EXPECT_THAT(error_of([&] { Trainer{std::move(o)}; }), HasSubstr("lr_scheduler without the optimizer"));
  o = options();
  o.optimizers = {.optimizer = one, .lr_scheduler = make_lambda_scheduler(*one, half), .lr_lambda = half};
  EXPECT_THAT(error_of([&] { Trainer{std::move(o)}; }), HasSubstr("both lr_scheduler and lr_lambda"));
  auto with_init = options();
  with_init.model = nullptr;
  with_init.model_init = [&] { return supervised(net, mse_loss); };
  with_init.optimizers.optimizer = one;
  EXPECT_THAT(error_of([&] { Trainer{std::move(with_init)}; }), HasSubstr("model_init"));
}

struct PushWatch : TrainerCallback {
  void on_push_begin(CallbackContext& context) override {
    events.push_back("push_begin");
    if (fs::exists(fs::path(context.args.output_dir) / "model.safetensors")) events.push_back("after the model");
  }
  std::vector<std::string> events;
};

TEST_F(OptimizersTest, PushFiresItsEventAndSavesTheModel) {
  struct Uploads : Trainer {
    using Trainer::Trainer;
    void push() override {
      Trainer::push();
      uploaded = fs::exists(fs::path(args().output_dir) / "model.safetensors");
    }
    bool uploaded = false;
  };
  const auto watch = std::make_shared<PushWatch>();
  auto o = options();
  o.callbacks = {watch};
  Uploads trainer(std::move(o));
  trainer.push();
  EXPECT_THAT(watch->events, ElementsAre("push_begin")) << "before the model is saved";
  EXPECT_TRUE(trainer.uploaded);
}

}  // namespace
