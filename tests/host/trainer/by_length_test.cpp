// SPDX-License-Identifier: Apache-2.0
//
// train_sampling_strategy "group_by_length" and "batch_rebalance" in a Trainer. The orders themselves are in
// data/sampler_test.cpp.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <algorithm>
#include <utility>

#include "checkpoints/generator_state.hpp"
#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using test::error_of;
using testing::ElementsAre;
using testing::HasSubstr;

/// Row i has the number i, and a length between 1 and 5.
struct Sentences : RowDataset {
  std::int64_t size() const override { return 13; }
  Row get_row(std::int64_t i) const override {
    const auto number = torch::full({1}, static_cast<float>(i));
    return {{"input_ids", torch::ones({1 + i * 7 % 5}, torch::kLong)}, {"features", number}, {"labels", number}};
  }
};

struct ByLength : testing::Test {
  ByLength() {
    log::set_sink([this](log::Level level, std::string_view text) {
      if (level == log::Level::warning) warnings += text;
    });
  }
  ~ByLength() override { log::set_sink({}); }

  TrainerOptions options(const std::string& strategy) {
    TrainerOptions o;
    o.model = supervised(torch::nn::Linear(1, 1), mse_loss);
    o.args.output_dir = scratch.path().string();
    o.args.report_to = {};
    o.args.train_sampling_strategy = strategy;
    o.args.max_steps = 12;  // seven batches an epoch
    o.args.per_device_train_batch_size = o.args.per_device_eval_batch_size = 2;
    o.args.learning_rate = 1e-3;
    o.args.save_steps = 3;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = std::make_shared<Sentences>();
    o.data_collator = [this](const std::vector<Row>& rows) {
      batches.emplace_back();
      for (const Row& row : rows) batches.back().push_back(row["features"].item<double>());
      return DataCollatorWithPadding{{{"input_ids", 0}}}(rows);
    };
    return o;
  }
  using Rows = std::vector<std::vector<double>>;
  Rows seen(TrainerOptions o, const std::optional<std::filesystem::path>& checkpoint = {}) {
    if (checkpoint) o.args.save_strategy = "no";
    batches.clear();
    Trainer(std::move(o)).train(checkpoint);
    return batches;
  }
  std::filesystem::path checkpoint(int step) const { return scratch / ("checkpoint-" + std::to_string(step)); }

  test::ScratchDirectory scratch;
  Rows batches;
  std::string warnings;
};

TEST_F(ByLength, AResumedRunGoesOnWithTheRowsThatWereLeft) {
  const Rows straight = seen(options("group_by_length"));
  ASSERT_EQ(straight.size(), 12u);
  EXPECT_NE(Rows(straight.begin(), straight.begin() + 5), Rows(straight.begin() + 7, straight.end()));
  for (const int step : {3, 9})  // 9: of the second epoch, whose order was drawn after the first
    EXPECT_EQ(seen(options("group_by_length"), checkpoint(step)), Rows(straight.begin() + step, straight.end()))
        << step;
  EXPECT_EQ(warnings, "");
}

TEST_F(ByLength, SaysWhenACheckpointDoesNotHoldTheOrder) {
  seen(options("group_by_length"));
  for (const int step : {3, 9}) {
    save_safetensors(checkpoint(step) / "rng_state.safetensors", rng_state());  // as without the epoch's begin
    std::filesystem::remove(checkpoint(step) / "checkpoint.json");
  }
  seen(options("group_by_length"), checkpoint(3));
  EXPECT_THAT(warnings, testing::Not(HasSubstr("order of its epoch"))) << "that of the first epoch is that of the seed";
  seen(options("group_by_length"), checkpoint(9));
  EXPECT_THAT(warnings, HasSubstr("checkpoint-9 does not hold the order of its epoch"));
}

TEST_F(ByLength, EvaluationsGoByLengthAndPredictionsByRow) {
  Trainer trainer(options("group_by_length"));
  const auto rows = std::make_shared<Sentences>();
  trainer.evaluate(rows);
  const Rows evaluated = std::exchange(batches, {});
  EXPECT_EQ(evaluated.size(), 7u);
  EXPECT_NE(evaluated[0], (std::vector<double>{0, 1}));
  trainer.evaluate(rows);
  EXPECT_EQ(std::exchange(batches, {}), evaluated) << "the same order each time";
  const auto predicted = trainer.predict(rows);
  EXPECT_TRUE(torch::equal(predicted.label_ids.flatten(), torch::arange(13, torch::kFloat)));
}

TEST_F(ByLength, BatchesAreRebalanced) {
  auto o = options("batch_rebalance");
  o.args.gradient_accumulation_steps = 3;
  o.args.max_steps = 4;  // of three an epoch
  o.args.save_steps = 2;
  const Rows straight = seen(std::move(o));
  ASSERT_EQ(straight.size(), 12u);
  for (const int epoch : {0, 1}) {
    std::vector<double> rows;
    for (int i = 9 * epoch; i < (epoch == 0 ? 9 : 12); ++i)
      rows.insert(rows.end(), straight[static_cast<std::size_t>(i)].begin(),
                  straight[static_cast<std::size_t>(i)].end());
    std::sort(rows.begin(), rows.end());
    rows.erase(std::unique(rows.begin(), rows.end()), rows.end());
    EXPECT_EQ(rows.size(), epoch == 0 ? 13u : 6u);
  }
  o = options("batch_rebalance");
  o.args.gradient_accumulation_steps = 3;
  o.args.max_steps = 4;
  EXPECT_EQ(seen(std::move(o), checkpoint(2)), Rows(straight.begin() + 6, straight.end()));
}

TEST_F(ByLength, RefusesRowsWithoutLengthsAndLeavesAStreamAlone) {
  struct Plain : RowDataset {
    std::int64_t size() const override { return 4; }
    Row get_row(std::int64_t) const override { return {{"features", torch::ones({1})}, {"labels", torch::ones({1})}}; }
  };
  for (const char* strategy : {"group_by_length", "batch_rebalance"}) {
    auto o = options(strategy);
    o.train_dataset = std::make_shared<Plain>();
    EXPECT_THAT(error_of([&] { seen(std::move(o)); }), HasSubstr("row 0 of the dataset has neither lengths"));
  }
  struct Stream : IterableDataset {
    RowStream stream(std::int64_t) const override {
      return
          [i = std::int64_t{0}]() mutable { return i == 13 ? std::nullopt : std::optional(Sentences().get_row(i++)); };
    }
  };
  auto o = options("batch_rebalance");
  o.train_dataset = std::make_shared<Stream>();
  o.args.save_strategy = "no";
  EXPECT_EQ(seen(std::move(o))[0], (std::vector<double>{0, 1}));
  EXPECT_THAT(warnings, HasSubstr("\"batch_rebalance\" has no effect on a stream of rows"));
}

}  // namespace
