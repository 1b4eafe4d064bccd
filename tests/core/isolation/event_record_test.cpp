// SPDX-License-Identifier: Apache-2.0
#include "isolation/event_record.hpp"

#include <gtest/gtest.h>
#include <trainer/event.h>

#include <limits>
#include <stdexcept>
#include <string>

#include "isolation/bytes.hpp"
#include "trainer/trainer_control.hpp"

namespace trainer::isolation {
namespace {

struct Pair {
  EventWriter writer;
  EventReader reader;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;

  Pair() { args.finalize(); }
  std::size_t cross(std::uint32_t kind, const json::object* values = nullptr) {
    const std::string bytes(writer.write({kind, 3, 17}, args, state, control, values));
    reader.read(bytes);
    return bytes.size();
  }
  void log(json::object entry) { state.log_history.push_back(std::move(entry)); }
  void expect_same() {
    EXPECT_EQ(reader.state.to_json_string(), state.to_json_string());
    EXPECT_EQ(reader.args.to_json_string(), args.to_json_string());
  }
};

TEST(EventRecord, CarriesTheWholeState) {
  Pair pair;
  TrainerState& state = pair.state;
  state.epoch = 1.5;
  state.global_step = 3, state.max_steps = 7, state.num_train_epochs = 2, state.num_input_tokens_seen = 12;
  state.logging_steps = 5, state.eval_steps = 0.5, state.save_steps = 500, state.total_flos = 1e18;
  state.train_batch_size = 8;
  state.best_metric = Number(std::int64_t{1});
  state.best_global_step = 2;
  state.best_model_checkpoint = "out/checkpoint-2";
  state.is_world_process_zero = false;
  state.trial_name = "";
  state.trial_params = json::array{1, "two", nullptr, 2.5, true, json::object{{"deep", json::array{}}}};
  state.stateful_callbacks = {{"TrainerControl", json::object{{"args", json::object{{"should_save", false}}}}}};
  pair.log({{"loss", 0.5}, {"step", 1}});
  pair.control.should_log = 1;
  const json::object values{{"loss", 0.25}, {"name", "text"}, {"list", json::array{1, 2}}};
  pair.cross(TRAINER_ON_LOG, &values);
  pair.expect_same();
  EXPECT_EQ(pair.reader.event.kind, TRAINER_ON_LOG);
  EXPECT_EQ(pair.reader.event.has, 3u);
  EXPECT_EQ(pair.reader.event.eval_dataloader_size, 17);
  EXPECT_EQ(pair.reader.control.should_log, 1u);
  EXPECT_EQ(pair.reader.control.should_save, 0u);
  ASSERT_TRUE(pair.reader.values);
  EXPECT_EQ(json::dump(*pair.reader.values), json::dump(values));

  state.best_metric.reset(), state.best_model_checkpoint.reset(), state.epoch = 2;
  pair.cross(TRAINER_ON_STEP_END);
  pair.expect_same();
  EXPECT_FALSE(pair.reader.values);
}

TEST(EventRecord, CarriesEveryArgument) {
  Pair pair;
  pair.args.learning_rate = 1e-3;
  pair.args.report_to = {"csv"};
  pair.cross(TRAINER_ON_INIT_END);
  pair.expect_same();
  pair.args.learning_rate = 2e-3;  // as a program may do before train()
  pair.cross(TRAINER_ON_TRAIN_BEGIN);
  pair.expect_same();
  for (const ArgumentInfo& info : argument_table())
    EXPECT_EQ(pair.reader.args.get(info.name), pair.args.get(info.name)) << info.name;
}

TEST(EventRecord, FollowsTheHistory) {
  Pair pair;
  for (int i = 0; i < 5; ++i) pair.log({{"loss", i}, {"step", i}});
  pair.cross(TRAINER_ON_LOG);
  pair.expect_same();
  const std::size_t without = pair.cross(TRAINER_ON_STEP_END);
  pair.log({{"loss", std::numeric_limits<double>::quiet_NaN()}, {"step", 5}});
  const std::size_t with_one = pair.cross(TRAINER_ON_STEP_END);
  EXPECT_LT(with_one - without, 100u);  // and not all entries again
  pair.expect_same();
  pair.log({{"loss", 6}, {"step", 6}}), pair.log({{"loss", 7}, {"step", 7}});
  pair.state.log_history.pop_front(), pair.state.log_history.pop_front();  // with a limit
  EXPECT_LT(pair.cross(TRAINER_ON_LOG) - without, 300u);
  pair.expect_same();
  pair.state.log_history.back()["eval_loss"] = 1.0;  // changed in place, as before on_evaluate
  pair.cross(TRAINER_ON_EVALUATE);
  pair.expect_same();
  pair.state.log_history.clear();
  pair.cross(TRAINER_ON_TRAIN_BEGIN);
  pair.expect_same();
}

TEST(EventRecord, TellsWhereCheckpointsAre) {
  Pair pair;
  const auto cross = [&](const CheckpointPlaces& places) {
    const std::string bytes(
        pair.writer.write({TRAINER_ON_SAVE}, pair.args, pair.state, pair.control, nullptr, &places));
    pair.reader.read(bytes);
    return pair.reader.places.saved + " from " + pair.reader.places.resumed_from;
  };
  EXPECT_EQ(cross({}), " from ");
  EXPECT_EQ(cross({"/out/checkpoint-2", "/out/checkpoint-1"}), "/out/checkpoint-2 from /out/checkpoint-1");
  EXPECT_EQ(cross({"", "/out/checkpoint-1"}), " from /out/checkpoint-1");
}

TEST(EventRecord, IsTheSameSizeForEachStep) {
  Pair pair;
  pair.cross(TRAINER_ON_TRAIN_BEGIN);
  const std::size_t first = pair.cross(TRAINER_ON_STEP_END);
  pair.state.global_step = 1000000, pair.state.epoch = 1.0 / 3;
  EXPECT_EQ(pair.cross(TRAINER_ON_STEP_END), first);
  EXPECT_LT(first, 256u);
}

TEST(Bytes, RefuseWhatNoWriterWrites) {
  std::string bytes;
  Writer(bytes).object({{"key", json::array{1, "two", json::object{{"three", 3.0}}}}});
  for (std::size_t size = 0; size < bytes.size(); ++size)
    EXPECT_THROW(Reader(std::string_view(bytes).substr(0, size)).object(), std::runtime_error) << size;
  std::string deep;
  for (int i = 0; i < 100000; ++i) Writer(deep).put(std::uint8_t{7}), Writer(deep).put(std::uint64_t{1});
  EXPECT_THROW(Reader(deep).value(), std::runtime_error);
  EXPECT_THROW(Reader(std::string(1, '\x20')).value(), std::runtime_error);
  std::string three;
  Writer(three).value(json::array{1, 2});
  EXPECT_EQ(Reader(three, 3).value(), json::value({1, 2}));
  EXPECT_THROW(Reader(three, 2).value(), BadBytes);
}

}  // namespace
}  // namespace trainer::isolation
