// SPDX-License-Identifier: Apache-2.0
//
// Training on rows whose number is not known, with the numbers that transformers 5.23.0 gives for the same stream; and
// loaders of the program's own.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <limits>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::DoubleNear;
using testing::ElementsAre;
using testing::HasSubstr;

/// x = 0, 1, ... and labels 2x.
struct Doubles : IterableDataset {
  explicit Doubles(std::int64_t n) : rows(n) {}
  RowStream stream(std::int64_t) const override {
    return [n = rows, at = std::int64_t{0}]() mutable -> std::optional<Row> {
      if (at == n) return std::nullopt;
      const auto x = torch::full({1}, static_cast<float>(at++));
      return Row{{"features", x}, {"labels", 2 * x}};
    };
  }
  std::int64_t rows;
};

struct Events : TrainerCallback {
  void on_epoch_begin(CallbackContext& context) override { add("epoch", context.state); }
  void on_step_end(CallbackContext& context) override { add("step", context.state); }
  void on_substep_end(CallbackContext& context) override { add("substep", context.state); }
  void add(const char* name, const TrainerState& s) {
    std::ostringstream text;
    text << name << " " << static_cast<double>(s.epoch);
    seen.push_back(text.str());
  }
  std::vector<std::string> seen;
};

struct StreamTest : testing::Test {
  StreamTest() {
    log::set_sink([](log::Level, std::string_view) {});
    for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
  }
  ~StreamTest() override { log::set_sink({}); }
  TrainerOptions options(std::int64_t rows = 5) {
    TrainerOptions o;
    o.model = supervised(net, mse_loss);
    o.args.output_dir = scratch.path().string();
    o.args.report_to = {};
    o.args.max_steps = 4;
    o.args.per_device_train_batch_size = 2;
    o.args.per_device_eval_batch_size = 2;
    o.args.optim = "sgd";
    o.args.learning_rate = 0.01;
    o.args.max_grad_norm = 0.0;
    o.args.logging_steps = 1;
    o.args.save_steps = 1;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.callbacks = {events};
    o.train_dataset = std::make_shared<Doubles>(rows);
    return o;
  }
  static std::vector<double> logged(const Trainer& trainer, const char* name) {
    std::vector<double> out;
    for (const auto& entry : trainer.state().log_history)
      if (const auto* value = entry.if_contains(name)) out.push_back(value->to_number<double>());
    return out;
  }
  test::ScratchDirectory scratch;
  torch::nn::Linear net{1, 1};
  std::shared_ptr<Events> events = std::make_shared<Events>();
};

auto near(double x) { return DoubleNear(x, 1e-6 + 1e-5 * x); }

TEST_F(StreamTest, IsReadAgainUntilMaxSteps) {
  Trainer trainer(options());
  const auto out = trainer.train();
  EXPECT_THAT(events->seen, ElementsAre("epoch 0", "step 0.25", "step 0.5", "step 0.75", "epoch 0.75", "step 1.25"));
  EXPECT_THAT(logged(trainer, "loss"),
              ElementsAre(near(2), near(25.285001754760742), near(49.799129486083984), near(0.9125497341156006)));
  EXPECT_THAT(logged(trainer, "learning_rate"), ElementsAre(0.01, 0.0075, 0.005, 0.0025));
  EXPECT_THAT(logged(trainer, "epoch"), ElementsAre(0.25, 0.5, 0.75, 1.25, 1.25));
  EXPECT_EQ(trainer.state().num_train_epochs, std::numeric_limits<std::int64_t>::max());
  EXPECT_THAT(out.training_loss, near(19.499170243740082));
}

TEST_F(StreamTest, AccumulatesOverTheEndOfAnEpochAsTransformers) {
  auto o = options();
  o.args.gradient_accumulation_steps = 2;
  o.args.save_strategy = "no";
  Trainer trainer(std::move(o));
  trainer.train();
  EXPECT_THAT(logged(trainer, "loss"),
              ElementsAre(near(14), near(66.24180603027344), near(31.037485122680664), near(19.37842559814453)));
  EXPECT_THAT(logged(trainer, "epoch"), ElementsAre(0.25, 1.25, 2.25, 3.25, 3.25));
  EXPECT_THAT(events->seen, testing::Contains("substep 0.25")) << "the batch that was left of the first epoch";
}

TEST_F(StreamTest, GoesOnWhereACheckpointStopped) {
  Trainer(options()).train();
  const auto whole = net->weight.detach().clone();
  for (const char* from : {"checkpoint-2", "checkpoint-3"}) {
    for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
    auto o = options();
    o.args.output_dir = (scratch / "again").string();
    Trainer resumed(std::move(o));
    EXPECT_EQ(resumed.train(scratch / from).global_step, 4);
    EXPECT_TRUE(at::equal(net->weight, whole)) << from;
    EXPECT_EQ(static_cast<double>(resumed.state().epoch), 1.25);
  }
  for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
  auto o = options(3);  // two batches an epoch: checkpoint-3 is in the second
  o.args.output_dir = (scratch / "short").string();
  Trainer(std::move(o)).train();
  const auto short_whole = net->weight.detach().clone();
  for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
  o = options(3);
  o.args.output_dir = (scratch / "short2").string();
  Trainer(std::move(o)).train(scratch / "short" / "checkpoint-3");
  EXPECT_TRUE(at::equal(net->weight, short_whole)) << "in its second epoch, where transformers would begin a new one";
}

TEST_F(StreamTest, GoesOnAfterTheRowsOfAFinishedTraining) {
  auto constant = [&](std::int64_t max_steps, const char* directory) {
    auto o = options(100);
    o.args.lr_scheduler_type = "constant";
    o.args.learning_rate = 1e-5;
    o.args.max_steps = max_steps;
    o.args.output_dir = (scratch / directory).string();
    for (auto& p : net->parameters()) torch::nn::init::zeros_(p);
    return o;
  };
  Trainer(constant(8, "whole")).train();
  const auto whole = net->weight.detach().clone();
  Trainer(constant(4, "half")).train();
  Trainer(constant(8, "more")).train(scratch / "half" / "checkpoint-4");
  EXPECT_TRUE(at::equal(net->weight, whole)) << "max_steps was raised: the stream is not read from its begin";
}

TEST_F(StreamTest, IsEvaluatedToItsEnd) {
  torch::nn::init::constant_(net->weight, 1.5);
  Trainer trainer(options());
  const auto stream = trainer.evaluate(std::make_shared<Doubles>(5));
  const auto x = torch::arange(5, torch::kFloat).view({5, 1});
  const auto rows = trainer.evaluate(std::make_shared<TensorDataset>(x, 2 * x));
  EXPECT_EQ(stream.at("eval_loss"), rows.at("eval_loss")) << "each row counts once";
  EXPECT_GT(stream.at("eval_samples_per_second").to_number<double>(), 0);
  EXPECT_EQ(trainer.callback_handler().objects().eval_dataloader_size, 3) << "of the last, which has a size";
  EXPECT_EQ(trainer.predict(std::make_shared<Doubles>(5)).predictions.size(0), 5);
  EXPECT_EQ(trainer.callback_handler().objects().eval_dataloader_size, -1);
  EXPECT_FALSE(trainer.evaluate(std::make_shared<Doubles>(0)).contains("eval_loss"));
}

TEST_F(StreamTest, NeedsMaxStepsAndRowsForAStep) {
  auto o = options();
  o.args.max_steps = -1;
  EXPECT_THAT(error_of([&] { Trainer{std::move(o)}; }),
              HasSubstr("an IterableDataset, whose number of rows is not known"));
  o = options();
  o.args.gradient_accumulation_steps = 4;
  EXPECT_THAT(error_of([&] { Trainer(std::move(o)).train(); }),
              HasSubstr("an epoch of the train dataset has 3 batches"));
  EXPECT_THAT(error_of([&] { Trainer(options(0)).train(); }), HasSubstr("the train dataset gave no row"));
}

// Rows that a collator padded to other widths are joined for the metrics.
TEST_F(StreamTest, BatchesOfDifferentWidthsAreJoined) {
  struct Ragged : RowDataset {
    std::int64_t size() const override { return 4; }
    Row get_row(std::int64_t i) const override {
      return {{"features", torch::ones({i + 1, 1})}, {"labels", torch::ones({i + 1, 1})}};
    }
  };
  auto o = options();
  o.data_collator = DataCollatorWithPadding{{{"features", 0}, {"labels", -100}}};
  at::Tensor labels;
  o.compute_metrics = [&](const EvalPrediction& p) -> json::object { return labels = p.label_ids, json::object(); };
  Trainer trainer(std::move(o));
  trainer.evaluate(std::make_shared<Ragged>());
  EXPECT_EQ(labels.sizes(), at::IntArrayRef({4, 4, 1}));
  EXPECT_THAT(std::vector<float>(labels.data_ptr<float>(), labels.data_ptr<float>() + 4),
              ElementsAre(1, -100, -100, -100));
}

TEST_F(StreamTest, APartThatIsNullIsNamed) {
  struct None : Trainer {
    using Trainer::Trainer;
    std::unique_ptr<DataLoader> get_train_dataloader() override { return nullptr; }
    std::unique_ptr<DataLoader> get_eval_dataloader(const std::shared_ptr<AnyDataset>&) override { return nullptr; }
  };
  None trainer(options());
  EXPECT_THAT(error_of([&] { trainer.train(); }), HasSubstr("get_train_dataloader() gave null"));
  EXPECT_THAT(error_of([&] { trainer.evaluate(std::make_shared<Doubles>(1)); }),
              HasSubstr("get_eval_dataloader() gave null"));
}

TEST_F(StreamTest, LoadersAndSamplersCanBeReplaced) {
  /// One batch again and again.
  struct Same : DataLoader {
    std::optional<std::int64_t> size() const override { return 3; }
    std::optional<std::int64_t> num_examples() const override { return {}; }
    void begin_epoch(std::int64_t, std::int64_t first) override { at = first; }
    std::optional<Batch> next() override {
      if (at++ == 3) return std::nullopt;
      return Batch{{"features", torch::ones({2, 1})}, {"labels", torch::ones({2, 1})}};
    }
    std::int64_t at = 0;
  };
  struct Own : Trainer {
    using Trainer::Trainer;
    std::unique_ptr<DataLoader> get_train_dataloader() override { return std::make_unique<Same>(); }
    std::shared_ptr<Sampler> get_eval_sampler(const Dataset&) override {
      return std::make_shared<WeightedRandomSampler>(torch::ones({4}), 2, 0);
    }
  };
  auto o = options();
  o.args.max_steps = -1;
  o.args.num_train_epochs = 2;
  o.args.save_strategy = "no";
  o.train_dataset = std::make_shared<TensorDataset>(torch::ones({1, 1}), torch::ones({1, 1}));
  Own trainer(std::move(o));
  EXPECT_EQ(trainer.train().global_step, 6);
  const auto data = std::make_shared<TensorDataset>(torch::ones({4, 1}), torch::ones({4, 1}));
  EXPECT_EQ(trainer.predict(data).predictions.size(0), 2);
}

}  // namespace
