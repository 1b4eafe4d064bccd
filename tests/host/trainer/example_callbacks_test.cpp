// SPDX-License-Identifier: Apache-2.0
//
// The callbacks of host/examples: each does what it says, by means of its context alone.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <memory>

#include "host/examples/ema/ema.hpp"
#include "host/examples/gradual_unfreezing/gradual_unfreezing.hpp"
#include "host/examples/lr_finder/lr_finder.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors.hpp"

namespace {

using namespace trainer;

struct ExampleCallbacks : testing::Test {
  ExampleCallbacks() {
    log::set_sink([](log::Level, std::string_view) {});
    torch::manual_seed(0);
    const auto x = torch::randn({24, 3});
    data = std::make_shared<TensorDataset>(x, x.sum(1, true));
  }
  ~ExampleCallbacks() override { log::set_sink({}); }
  TrainerOptions options() {
    TrainerOptions o;
    o.model = supervised(net, mse_loss);
    o.args.output_dir = (directory / "out").string();
    o.args.report_to = {};
    o.args.optim = "sgd";
    o.args.lr_scheduler_type = "constant";
    o.args.learning_rate = 0.1;
    o.args.per_device_train_batch_size = 4;
    o.args.save_strategy = "no";
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  void begin_with(std::uint64_t seed) {
    torch::manual_seed(seed);
    net = torch::nn::Sequential(torch::nn::Linear(3, 4), torch::nn::Tanh(), torch::nn::Linear(4, 1));
  }
  std::vector<torch::Tensor> weights() const {
    std::vector<torch::Tensor> out;
    for (const auto& parameter : net->parameters()) out.push_back(parameter.detach().clone());
    return out;
  }
  static bool same(const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), torch::equal);
  }
  test::ScratchDirectory directory;
  std::shared_ptr<TensorDataset> data;
  torch::nn::Sequential net{nullptr};
};

TEST_F(ExampleCallbacks, LRFinderProposesARateThatTrainsAndLeavesTheWeights) {
  begin_with(1);
  const auto before = weights();
  auto o = options();
  o.args.max_steps = 60;
  o.args.per_device_train_batch_size = 24;  // all rows
  o.args.logging_steps = 1;
  const auto finder = std::make_shared<LRFinder>(1e-4, 1e4);
  o.callbacks = {finder};
  Trainer trainer(std::move(o));
  const auto steps = trainer.train().global_step;
  EXPECT_TRUE(same(weights(), before));
  EXPECT_LT(steps, 60) << "it ends where the loss leaps";
  const auto& points = finder->points();
  ASSERT_EQ(std::ssize(points), steps);
  EXPECT_NEAR(points[0].rate, 1e-4, 1e-12);
  for (std::size_t i = 1; i < points.size(); ++i)
    EXPECT_NEAR(points[i].rate / points[i - 1].rate, std::pow(1e8, 1.0 / 59), 1e-9);

  ASSERT_TRUE(finder->suggestion());
  const auto loss = [&](double rate) {
    begin_with(1);
    auto with = options();
    with.args.max_steps = 30;
    with.args.per_device_train_batch_size = 24;
    with.args.learning_rate = rate;
    Trainer run(std::move(with));
    run.train();
    return run.evaluate(data).at("eval_loss").as_double();
  };
  EXPECT_LT(loss(*finder->suggestion()), 0.3 * loss(*finder->suggestion() / 100));
}

TEST_F(ExampleCallbacks, LRFinderNeedsEachLoss) {
  begin_with(1);
  auto o = options();
  o.args.max_steps = 2;
  o.callbacks = {CallbackSpec::of<LRFinder>(1e-4, 1.0)};
  EXPECT_THROW(Trainer(std::move(o)).train(), Error);
}

// What an average of the weights after each update is, reckoned beside.
struct Averages : TrainerCallback {
  void on_train_begin(CallbackContext& context) override {
    for (const auto& parameter : context.model->module().parameters()) average.push_back(parameter.detach().clone());
  }
  void on_optimizer_step(CallbackContext& context) override {
    std::size_t i = 0;
    for (const auto& parameter : context.model->module().parameters()) {
      average[i] = 0.5 * average[i] + 0.5 * parameter.detach();
      ++i;
    }
  }
  void on_evaluate(CallbackContext& context) override {
    evaluated.push_back(average);
    losses.push_back(context.metrics->at("eval_loss").as_double());
  }
  std::vector<torch::Tensor> average;
  std::vector<std::vector<torch::Tensor>> evaluated;
  std::vector<double> losses;
};

TEST_F(ExampleCallbacks, EMAIsEvaluatedAndSavedAsTheUserChooses) {
  const auto run = [&](const std::vector<CallbackSpec>& callbacks, const char* name) {
    begin_with(2);
    auto o = options();
    o.eval_dataset = data;
    o.args.output_dir = (directory / name).string();
    o.args.max_steps = 12;  // two epochs
    o.args.eval_strategy = o.args.save_strategy = "steps";
    o.args.eval_steps = 4;
    o.args.save_steps = 6;
    o.callbacks = callbacks;
    Trainer(std::move(o)).train();
    return weights();
  };
  const auto saved = [&](const char* name, int step) {
    std::vector<torch::Tensor> out;
    const auto stored =
        load_safetensors(directory / name / ("checkpoint-" + std::to_string(step)) / "model.safetensors");
    for (const auto& parameter : net->named_parameters())
      for (const auto& [key, tensor] : stored)
        if (key == parameter.key()) out.push_back(tensor);
    return out;
  };
  const auto plain = run({}, "plain");

  const auto trained = std::make_shared<Averages>();
  EXPECT_TRUE(same(run({CallbackSpec::of<EMA>(0.5), trained}, "trained"), plain)) << "the training is the same";
  EXPECT_TRUE(same(saved("trained", 6), saved("plain", 6)));
  EXPECT_TRUE(same(saved("trained", 12), saved("plain", 12)));

  const auto averaged = std::make_shared<Averages>();
  const auto last = run({CallbackSpec::of<EMA>(0.5, EMA::Saves::average), averaged}, "average");
  const auto near = [](const std::vector<torch::Tensor>& a, const std::vector<torch::Tensor>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](auto& x, auto& y) { return torch::allclose(x, y, 1e-5, 1e-6); });
  };
  EXPECT_TRUE(near(last, averaged->average)) << "the model in the end";
  EXPECT_TRUE(near(saved("average", 12), averaged->average));
  EXPECT_FALSE(near(saved("average", 6), saved("plain", 6)));

  ASSERT_EQ(trained->evaluated.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    const torch::NoGradGuard no_grad;
    auto parameters = net->parameters();
    for (std::size_t p = 0; p < parameters.size(); ++p) parameters[p].copy_(trained->evaluated[i][p]);
    const auto& columns = data->columns();
    const double expected = torch::mse_loss(net->forward(columns["features"]), columns["labels"]).item<double>();
    EXPECT_NEAR(trained->losses[i], expected, 1e-5);
    EXPECT_NEAR(averaged->losses[i], expected, 1e-5);
  }
}

TEST_F(ExampleCallbacks, EMAOfTheBestEvaluationIsTheModelInTheEnd) {
  begin_with(2);
  auto o = options();
  o.eval_dataset = data;
  o.args.max_steps = 6;
  o.args.eval_strategy = o.args.save_strategy = "steps";
  o.args.eval_steps = o.args.save_steps = 2;
  o.args.load_best_model_at_end = true;
  const auto averages = std::make_shared<Averages>();
  o.callbacks = {CallbackSpec::of<EMA>(0.5, EMA::Saves::average), averages};
  Trainer trainer(std::move(o));
  trainer.train();
  const double best = *std::min_element(averages->losses.begin(), averages->losses.end());
  EXPECT_NEAR(trainer.evaluate().at("eval_loss").as_double(), best, 1e-6);
}

TEST_F(ExampleCallbacks, GradualUnfreezingTrainsOneMoreLayerEachEpoch) {
  begin_with(3);
  struct Moved : TrainerCallback {
    void on_epoch_begin(CallbackContext& context) override {
      before.clear();
      for (const auto& parameter : context.model->module().parameters()) before.push_back(parameter.detach().clone());
    }
    void on_epoch_end(CallbackContext& context) override {
      std::string line;
      std::size_t i = 0;
      for (const auto& parameter : context.model->module().parameters())
        line += torch::equal(parameter, before[i++]) ? '-' : 'x';
      lines.push_back(line);
    }
    std::vector<torch::Tensor> before;
    std::vector<std::string> lines;
  };
  net->push_back(torch::nn::Linear(1, 1));
  auto o = options();
  o.args.optim = "adamw_torch";
  o.args.weight_decay = 0.1;
  o.args.num_train_epochs = 4;
  o.args.save_strategy = "epoch";
  const auto moved = std::make_shared<Moved>();
  o.callbacks = {CallbackSpec::of<GradualUnfreezing>(), moved};
  auto again = o;
  Trainer(std::move(o)).train();
  EXPECT_EQ(moved->lines, (std::vector<std::string>{"----xx", "--xxxx", "xxxxxx", "xxxxxx"}));
  for (const auto& parameter : net->parameters()) EXPECT_TRUE(parameter.requires_grad());

  moved->lines.clear();
  Trainer(std::move(again)).train(directory / "out" / "checkpoint-6");
  EXPECT_EQ(moved->lines, (std::vector<std::string>{"--xxxx", "xxxxxx", "xxxxxx"})) << "a resumed run goes on there";
}

}  // namespace
