// SPDX-License-Identifier: Apache-2.0
//
// The library as a C++ program uses it: callbacks by class and instance, parts overridden, resume.
#include "trainer/trainer.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>

#include "trainer/callback_handler.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
namespace fs = std::filesystem;

std::vector<std::string> events;

struct Counter : TrainerCallback {
  void on_train_begin(CallbackContext&) override { events.push_back("train_begin"); }
  void on_step_end(CallbackContext& context) override {
    events.push_back("step_end " + std::to_string(context.state.global_step));
  }
  void on_train_end(CallbackContext&) override { events.push_back("train_end"); }
};
struct Derived : Counter {};
struct StopAtTwo : TrainerCallback {
  void on_step_end(CallbackContext& context) override {
    if (context.state.global_step == 2) context.control.should_training_stop = true;
  }
};

struct TrainerTest : testing::Test {
  TrainerTest() {
    events.clear();
    log::set_sink([](log::Level, std::string_view) {});
    torch::manual_seed(0);
    auto x = torch::randn({12, 3});
    data = std::make_shared<TensorDataset>(x, x.sum(1, true));
    net = torch::nn::Sequential(torch::nn::Linear(3, 1));
  }
  ~TrainerTest() override {
    log::set_sink({});
    fs::remove_all(dir);
  }
  TrainerOptions options() {
    TrainerOptions o;
    o.model = supervised(net, mse_loss);
    o.args.output_dir = dir.string();
    o.args.report_to = {};
    o.args.max_steps = 3;
    o.args.per_device_train_batch_size = 4;
    o.args.learning_rate = 0.1;
    o.args.save_strategy = "no";
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  fs::path dir = fs::temp_directory_path() / ("trainer_test." + std::to_string(::getpid()));
  std::shared_ptr<TensorDataset> data;
  torch::nn::Sequential net{nullptr};
};

TEST_F(TrainerTest, CallbacksByInstanceAndByClass) {
  auto o = options();
  o.callbacks = {std::make_shared<Counter>(), CallbackSpec::of<StopAtTwo>()};
  Trainer trainer(std::move(o));
  const auto out = trainer.train();
  EXPECT_EQ(out.global_step, 2);
  EXPECT_THAT(events, ElementsAre("train_begin", "step_end 1", "step_end 2", "train_end"));
  std::vector<std::string> names;
  for (const auto& entry : trainer.callback_handler().entries()) names.push_back(entry->name);
  EXPECT_THAT(names, ElementsAre("DefaultFlowCallback", "Counter", "StopAtTwo", "PrinterCallback"));
}

TEST_F(TrainerTest, AddPopAndRemove) {
  Trainer trainer(options());
  const auto instance = std::make_shared<Counter>();
  trainer.add_callback(instance);
  trainer.add_callback<StopAtTwo>();
  trainer.add_callback<Derived>();
  EXPECT_EQ(trainer.pop_callback<Counter>(), instance);
  EXPECT_NE(trainer.pop_callback<Counter>(), nullptr) << "a derived class counts, as isinstance() does";
  EXPECT_EQ(trainer.pop_callback<Counter>(), nullptr);
  EXPECT_THROW(trainer.remove_callback(*instance), Error);
  trainer.remove_callback<StopAtTwo>();
  trainer.remove_callback<StopAtTwo>();  // silently nothing, as in transformers
  EXPECT_EQ(trainer.pop_callback("no_such_plugin"), nullptr);
  EXPECT_EQ(trainer.train().global_step, 3);
  EXPECT_TRUE(events.empty());
}

TEST_F(TrainerTest, OverriddenPartsAreUsed) {
  struct Own : Trainer {
    using Trainer::Trainer;
    at::Tensor compute_loss(const Batch& inputs, ModelOutput* outputs, const at::Tensor& num_items) override {
      ++losses;
      return 2 * Trainer::compute_loss(inputs, outputs, num_items);
    }
    void log(json::object& logs, std::optional<double> seconds) override {
      logs.emplace("own", 1);
      Trainer::log(logs, seconds);
    }
    std::unique_ptr<LRScheduler> create_scheduler(Optimizer& optimizer, std::int64_t) override {
      return make_scheduler("constant", optimizer, 0, 0);
    }
    int losses = 0;
  };
  Own trainer(options());
  trainer.train();
  EXPECT_EQ(trainer.losses, 3);
  EXPECT_TRUE(trainer.state().log_history.back().contains("own"));
  EXPECT_EQ(trainer.optimizer()->param_groups()[0].lr, 0.1);
}

TEST_F(TrainerTest, ResumedRunEndsWithTheSameBits) {
  auto weights = [&](bool cut) {
    torch::manual_seed(1);
    net = torch::nn::Sequential(torch::nn::Linear(3, 8), torch::nn::Dropout(0.5), torch::nn::Linear(8, 1));
    const auto initial = net->parameters()[0].clone();
    auto o = options();
    o.args.output_dir = (dir / (cut ? "cut" : "whole")).string();
    o.args.max_steps = 7;
    o.args.save_strategy = "steps";
    o.args.save_steps = 2;
    if (cut) {
      auto first = o;
      first.callbacks = {CallbackSpec::of<StopAtTwo>()};
      Trainer(std::move(first)).train();
      torch::manual_seed(99);
      for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
      Trainer second(std::move(o));
      second.train(fs::path{});
    } else {
      Trainer(std::move(o)).train();
    }
    std::vector<at::Tensor> out;
    for (auto& p : net->parameters()) out.push_back(p.detach().clone());
    return out;
  };
  const auto whole = weights(false), cut = weights(true);
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(torch::equal(whole[i], cut[i])) << "parameter " << i;
}

TEST_F(TrainerTest, ParametersAreGroupedByWeightDecay) {
  Trainer trainer(options());
  trainer.train();
  const auto& groups = trainer.optimizer()->param_groups();
  EXPECT_EQ(groups[0].names, std::vector<std::string>{"0.weight"});
  EXPECT_EQ(groups[1].names, std::vector<std::string>{"0.bias"});
  EXPECT_FALSE(trainer.optimizer()->named_states().empty());
}

TEST_F(TrainerTest, MistakesOfTheProgramAreErrors) {
  auto without_model = options();
  without_model.model = {};
  EXPECT_THROW(Trainer{std::move(without_model)}, Error);
  auto without_eval = options();
  without_eval.args.eval_strategy = "epoch";
  EXPECT_THROW(Trainer{std::move(without_eval)}, Error);
  auto without_data = options();
  without_data.train_dataset = nullptr;
  Trainer trainer(std::move(without_data));
  EXPECT_THROW(trainer.train(), Error);
  EXPECT_THROW(trainer.evaluate(), Error);
}

TEST_F(TrainerTest, TorchDatasetsAreTakenOver) {
  struct Squares : torch::data::datasets::Dataset<Squares> {
    torch::data::Example<> get(std::size_t i) override {
      const auto x = torch::full({3}, static_cast<float>(i));
      return {x, x.sum().unsqueeze(0)};
    }
    std::optional<std::size_t> size() const override { return 6; }
  };
  auto o = options();
  const auto squares = from_torch(Squares());
  EXPECT_EQ(squares->size(), 6);
  o.train_dataset = squares;
  Trainer trainer(std::move(o));
  EXPECT_EQ(trainer.train().global_step, 3);
}

TEST_F(TrainerTest, OutOfMemoryShrinksTheBatch) {
  struct OutOfMemory : TrainerCallback {
    void on_step_end(CallbackContext& context) override {
      if (*context.state.train_batch_size > 10) throw std::runtime_error("CUDA out of memory.");
    }
  };
  auto o = options();
  o.args.auto_find_batch_size = true;
  o.args.per_device_train_batch_size = 12;
  o.callbacks = {CallbackSpec::of<OutOfMemory>()};
  Trainer trainer(std::move(o));
  EXPECT_EQ(trainer.train().global_step, 3);
  EXPECT_EQ(trainer.state().train_batch_size, 10) << "12 * 0.9, as accelerate's find_executable_batch_size";
  auto without = options();
  without.args.per_device_train_batch_size = 12;
  without.callbacks = {CallbackSpec::of<OutOfMemory>()};
  Trainer other(std::move(without));
  EXPECT_THROW(other.train(), Error);
}

TEST_F(TrainerTest, LabelSmoothingIsThatOfCrossEntropy) {
  net = torch::nn::Sequential(torch::nn::Linear(3, 4));
  auto o = options();
  o.model = supervised(net, cross_entropy);
  o.args.label_smoothing_factor = 0.1;
  Trainer trainer(std::move(o));
  const auto x = torch::randn({5, 3});
  const auto y = torch::tensor({0, 3, -100, 1, 2}, torch::kLong);
  const auto expected = torch::nn::functional::cross_entropy(
      net->forward(x), y, torch::nn::functional::CrossEntropyFuncOptions().label_smoothing(0.1));
  const auto loss = trainer.compute_loss(Batch{{"features", x}, {"labels", y}});
  EXPECT_NEAR(loss.item<double>(), expected.item<double>(), 1e-6);
}

TEST_F(TrainerTest, AStopThatIsRequestedWithinAnEvaluationEndsItsStep) {
  struct Ask : TrainerCallback {
    void on_prediction_step(CallbackContext& context) override {
      if (context.state.global_step == 2) trainer->request_stop();
    }
    Trainer* trainer = nullptr;
  };
  auto ask = std::make_shared<Ask>();
  auto o = options();
  o.eval_dataset = data;
  o.args.eval_strategy = "steps";
  o.args.eval_steps = Number(1);
  o.callbacks = {ask, CallbackSpec::of<Counter>()};
  Trainer trainer(std::move(o));
  ask->trainer = &trainer;
  EXPECT_EQ(trainer.train().global_step, 2);
  EXPECT_TRUE(fs::exists(dir / "checkpoint-2" / "model.safetensors"));
  EXPECT_THAT(events, ElementsAre("train_begin", "step_end 1", "step_end 2", "train_end"));
  EXPECT_EQ(trainer.state().log_history.back().count("train_loss"), 1u);
}

TEST_F(TrainerTest, AStopThatIsRequestedSavesAndEnds) {
  struct Ask : TrainerCallback {
    void on_step_begin(CallbackContext& context) override {
      if (context.state.global_step == 1) trainer->request_stop();
    }
    Trainer* trainer = nullptr;
  };
  auto ask = std::make_shared<Ask>();
  auto o = options();
  o.callbacks = {ask, CallbackSpec::of<Counter>()};
  Trainer trainer(std::move(o));
  ask->trainer = &trainer;
  EXPECT_EQ(trainer.train().global_step, 2);
  EXPECT_TRUE(fs::exists(dir / "checkpoint-2" / "model.safetensors"));
  EXPECT_EQ(events.back(), "train_end");
}

TEST_F(TrainerTest, TheHistoryCanBeLimited) {
  auto o = options();
  o.args.max_steps = 5;
  o.args.logging_steps = 1;
  o.args.save_strategy = "steps";
  o.args.save_steps = 4;
  o.log_history_limit = 3;
  auto again = o, wrong = o;
  Trainer trainer(std::move(o));
  trainer.train();
  auto steps_of = [](const TrainerState& state) {
    std::vector<std::int64_t> steps;
    for (const auto& entry : state.log_history) steps.push_back(entry.at("step").as_int64());
    return steps;
  };
  EXPECT_THAT(steps_of(trainer.state()), ElementsAre(4, 5, 5)) << "the last one is the summary";
  const auto saved = TrainerState::load_from_json(dir / "checkpoint-4" / "trainer_state.json");
  EXPECT_THAT(steps_of(saved), ElementsAre(2, 3, 4));

  again.log_history_limit = 1;
  Trainer resumed(std::move(again));
  resumed.train(dir / "checkpoint-4");
  EXPECT_THAT(steps_of(resumed.state()), ElementsAre(5));
  wrong.log_history_limit = 0;
  EXPECT_THROW(Trainer{std::move(wrong)}, Error);
}

TEST_F(TrainerTest, FullEvaluationInBf16) {
  auto o = options();
  o.args.bf16_full_eval = true;
  o.eval_dataset = data;
  Trainer trainer(std::move(o));
  const auto metrics = trainer.evaluate();
  EXPECT_GT(metrics.at("eval_loss").as_double(), 0);
  EXPECT_EQ(net->parameters()[0].scalar_type(), at::kBFloat16);
}

TEST_F(TrainerTest, AccuracyLeavesOutIgnoredLabels) {
  const auto logits = torch::tensor({{1.0, 0.0}, {1.0, 0.0}, {0.0, 1.0}, {0.0, 1.0}});
  const auto share = [&](std::vector<std::int64_t> labels) {
    return accuracy({logits, torch::tensor(labels)}).at("accuracy").as_double();
  };
  EXPECT_EQ(share({0, 1, 1, 1}), 0.75);
  EXPECT_EQ(share({0, -100, 1, -100}), 1.0);
  EXPECT_TRUE(std::isnan(share({-100, -100, -100, -100})));
}

TEST_F(TrainerTest, ModelsKeepWhatTheirDataSays) {
  struct Described : TensorDataset {
    Described(const TensorDataset& data, json::object what) : TensorDataset(data), what(std::move(what)) {}
    json::object description() const override { return what; }
    json::object what;
  };
  const json::object abc{{"features", {"a", "b", "c"}}};
  auto o = options();
  o.args.save_strategy = "steps";
  o.args.save_steps = 3;
  o.train_dataset = std::make_shared<Described>(*data, abc);
  Trainer(std::move(o)).train();
  const fs::path checkpoint = dir / "checkpoint-3";
  const auto kept = [](const fs::path& where) {
    return json::parse_file(where / "training_args.json").as_object().at("data").as_object();
  };
  EXPECT_EQ(kept(checkpoint), abc);

  auto evaluation = options();
  evaluation.train_dataset = nullptr;
  evaluation.args.output_dir = "/proc/no such directory";
  evaluation.eval_dataset = data;
  Trainer trainer(std::move(evaluation));
  trainer.load_model(checkpoint);
  trainer.load_state(checkpoint);
  trainer.evaluate();
  const auto& last = trainer.state().log_history.back();
  EXPECT_EQ(last.at("step"), 3);
  EXPECT_EQ(last.at("epoch"), 1.0);
  trainer.save_model(dir / "copy");
  EXPECT_EQ(kept(dir / "copy"), abc) << "also by a trainer that has no train dataset";

  auto other = options();
  other.train_dataset = std::make_shared<Described>(*data, json::object{{"features", {"b", "a", "c"}}});
  Trainer resumed(std::move(other));
  EXPECT_THROW(resumed.train(checkpoint), Error);
}

TEST_F(TrainerTest, FullEvaluationLeavesLabelsAndCountersAsTheyAre) {
  net = torch::nn::Sequential(torch::nn::Linear(3, 4), torch::nn::BatchNorm1d(4), torch::nn::Linear(4, 1));
  auto o = options();
  o.model = supervised(net, [](const at::Tensor& logits, const at::Tensor& labels) {
    EXPECT_EQ(logits.scalar_type(), at::kBFloat16);
    EXPECT_EQ(labels.scalar_type(), at::kFloat);
    return trainer::mse_loss(logits, labels);
  });
  o.args.bf16_full_eval = true;
  Trainer trainer(std::move(o));
  trainer.evaluate(data);
  const auto counter = net->named_buffers()["1.num_batches_tracked"];
  EXPECT_EQ(counter.scalar_type(), at::kLong);
  EXPECT_EQ(trainer.train().global_step, 3);
  EXPECT_EQ(counter.item<std::int64_t>(), 3);
  EXPECT_EQ(trainer.predict(data).predictions.scalar_type(), at::kFloat);
}

}  // namespace
