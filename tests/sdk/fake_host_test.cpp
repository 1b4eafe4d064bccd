// SPDX-License-Identifier: Apache-2.0
//
// The SDK's fake host keeps the contract that a real one keeps.
#include "support/fake_host.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <thread>
#include <trainer/sdk.hpp>

#include "support/scratch_directory.hpp"

namespace trainer {
namespace {

using sdk::testing::FakeTensor;
using test::Cell;
using test::FakeHost;
using test::FakeMap;
using test::FakePlugin;
using test::Row;

TEST(FakeHost, AMapIsChangedInPlaceAndByAppending) {
  Row row{{"loss", Cell(0.5)}, {"step", Cell(3)}};
  FakeMap fake(row);
  sdk::Map map(fake.table());
  map.set("loss", 0.25);
  map.set("new", "text");
  EXPECT_TRUE(map.erase("step"));
  EXPECT_FALSE(map.erase("step"));
  ASSERT_EQ(row.size(), 2u);
  EXPECT_EQ(row[0].second.number, 0.25);
  EXPECT_EQ(row[1].first, "new");
  EXPECT_EQ(row[1].second.text, "text");
}

TEST(FakeHost, ARefusedValueIsNotTaken) {
  Row row{{"loss", Cell(0.5)}};
  FakeMap fake(row);
  sdk::Map map(fake.table());
  for (const char* text : {"\xff", "\xc0\x80", "\xed\xa0\x80", "\xf5\x80\x80\x80", "\xe2\x82"})
    EXPECT_THROW(map.set("loss", text), std::runtime_error);
  EXPECT_NO_THROW(map.set("loss", "\xe2\x82\xac \xf0\x9f\x98\x80"));
  const Row& fixed = row;
  FakeMap read_only(fixed);
  EXPECT_THROW(sdk::Map(read_only.table()).set("loss", 1), std::runtime_error);
  EXPECT_EQ(row[0].second.type, TRAINER_STRING);
}

TEST(FakeHost, TextDiesWithTheNextCallOnTheMap) {
  const Row row{{"a", Cell("first")}, {"b", Cell("other")}};
  FakeMap fake(row);
  sdk::Map map(fake.table());
  const auto kept = map.get("a")->text();
  EXPECT_EQ(kept, "first");
  map.get("b");
  EXPECT_NE(kept, "first");
}

TEST(FakeHost, GivesConfigurationHistoryAndExtensions) {
  FakeHost fake;
  const sdk::Host host(fake.table());
  EXPECT_EQ(host.config_json(), "{}");
  fake.config = {{"a\"b", Cell("x\n")}, {"n", Cell(std::numeric_limits<double>::infinity())}, {"z", Cell()}};
  EXPECT_EQ(host.config_json(), R"({"a\"b": "x\u000a", "n": Infinity, "z": null})");
  fake.log_history = {{{"loss", Cell(1.5)}}};
  ASSERT_EQ(host.log_history_size(), 1u);
  EXPECT_EQ(host.log_history_at(0).get("loss")->number(), 1.5);
  EXPECT_EQ(fake.table()->log_history_at(fake.table(), 1), nullptr);

  EXPECT_FALSE(host.is_replay());
  fake.run_kind = TRAINER_RUN_REPLAY;
  EXPECT_TRUE(host.is_replay());
  fake.offered.erase(TRAINER_EXT_RUN);
  EXPECT_FALSE(host.is_replay());

  EXPECT_EQ(host.process().world_size, 1u);
  fake.process.rank = 3, fake.process.world_size = 4;
  EXPECT_EQ(host.process().rank, 3u);
  fake.offered.erase(TRAINER_EXT_PROCESS);
  EXPECT_EQ(host.process().world_size, 1u);

  fake.tensors[TRAINER_OF_MODEL] = {FakeTensor{"0.weight", {2, 3}, {1, 2, 3, 4, 5, 6}}};
  const auto* parameters = host.extension<trainer_ext_parameters>(TRAINER_EXT_PARAMETERS);
  ASSERT_NE(parameters, nullptr);
  trainer_text name{};
  trainer_tensor tensor{};
  ASSERT_EQ(parameters->at(fake.table(), TRAINER_OF_MODEL, 0, &name, &tensor), TRAINER_OK);
  EXPECT_EQ(sdk::view(name), "0.weight");
  EXPECT_EQ(tensor.strides[0], 3);
  EXPECT_EQ(parameters->at(fake.table(), TRAINER_OF_MODEL, 1, &name, &tensor), TRAINER_NOT_FOUND);

  fake.objects_json = R"({"train_dataloader": {"length": 3}})";
  const auto* objects = host.extension<trainer_ext_objects>(TRAINER_EXT_OBJECTS);
  ASSERT_NE(objects, nullptr);
  trainer_text described{};
  objects->describe(fake.table(), &described);
  EXPECT_EQ(sdk::view(described), fake.objects_json);
  EXPECT_EQ(objects->present(fake.table()), TRAINER_MODEL_TRAINING);
}

TEST(FakeHost, RunsAPluginWithStateAndControl) {
  FakeHost host;
  host.arguments = {{"metric_for_best_model", Cell("loss")},
                    {"greater_is_better", Cell(false)},
                    {"load_best_model_at_end", Cell(true)},
                    {"eval_strategy", Cell("steps")}};
  host.config = {{"early_stopping_patience", Cell(1)}, {"early_stopping_threshold", Cell(0.0)}};
  FakePlugin plugin(host, "early_stopping", TRAINER_BUILD_DIR "/plugins");
  EXPECT_EQ(plugin.fire(TRAINER_ON_TRAIN_BEGIN), TRAINER_OK) << host.error;
  host.state.present = TRAINER_STATE_HAS_BEST_METRIC, host.state.best_metric = 1.0;
  EXPECT_EQ(plugin.fire(TRAINER_ON_EVALUATE, {{"eval_loss", Cell(2.0)}}), TRAINER_OK) << host.error;
  EXPECT_EQ(host.control.should_training_stop, 1u);
  EXPECT_EQ(plugin.fire(TRAINER_ON_STEP_BEGIN), TRAINER_OK);  // not subscribed
  ASSERT_TRUE(plugin.stateful());
  Row args, attributes;
  ASSERT_EQ(plugin.save_state(args, attributes), TRAINER_OK) << host.error;
  EXPECT_EQ(args.size(), 2u);
  ASSERT_FALSE(attributes.empty());
  FakePlugin other(host, "early_stopping", TRAINER_BUILD_DIR "/plugins");
  EXPECT_EQ(other.load_state(attributes), TRAINER_OK) << host.error;
  EXPECT_EQ(plugin.runs_on(), TRAINER_RANKS_ALL);
  EXPECT_EQ(FakePlugin(host, "csv", TRAINER_BUILD_DIR "/plugins").runs_on(), TRAINER_RANKS_WORLD_ZERO);
  EXPECT_FALSE(plugin.print(TRAINER_STDOUT, "a line"));
  EXPECT_EQ(plugin.available(), TRAINER_OK);
}

TEST(FakeHost, GivesTheStateAsJson) {
  FakeHost fake;
  const sdk::Host host(fake.table());
  fake.state.epoch = 1, fake.state.global_step = 3;
  fake.state.present = TRAINER_STATE_HAS_TRIAL_NAME, fake.state.trial_name = {"x", 1};
  fake.log_history = {{{"loss", Cell(0.5)}, {"step", Cell(3)}}};
  const std::string made(host.state_json());
  for (const char* part : {"\n  \"epoch\": 1.0,\n", R"("global_step": 3,)", R"("best_metric": null,)",
                           R"("trial_name": "x",)", R"("log_history": [{"loss": 0.5, "step": 3}],)"})
    EXPECT_NE(made.find(part), made.npos) << part << " in " << made;
  fake.state_json = "{\"epoch\": 1}\n";
  EXPECT_EQ(host.state_json(), fake.state_json);
}

struct KeepsAll final : sdk::TrainerCallback, sdk::HasResults, sdk::SeesOutcome, sdk::KeepsFiles {
  explicit KeepsAll(const sdk::Host& given) : host(given) {}
  void on_save(const Arguments&, const State&, Control&) override {
    place = std::string(host.saved_checkpoint()) + "<" + std::string(host.resumed_checkpoint());
  }
  std::vector<sdk::Result> results() const override {
    if (place.empty()) throw std::runtime_error("nothing is saved");
    return {{"files", place, "ls {place}"}, {"page", "https://a"}};
  }
  void on_outcome(const sdk::Outcome& outcome) override {
    if (outcome.is_stopped()) throw std::runtime_error("stopped by " + std::string(outcome.by()));
    place = std::to_string(outcome.global_step());
  }
  void save_files(std::string_view directory) override { test::write(std::string(directory) + "/a", place); }
  void load_files(std::string_view directory) override { place = test::contents(std::string(directory) + "/a"); }
  sdk::Host host;
  std::string place;
};

TEST(FakeHost, AsksForResultsTellsTheOutcomeAndKeepsFiles) {
  FakeHost host;
  FakePlugin plugin(host, sdk::plugin_table<KeepsAll>());
  EXPECT_THROW(plugin.results(), std::runtime_error);
  host.saved_checkpoint = "b", host.resumed_checkpoint = "a";
  ASSERT_EQ(plugin.fire(TRAINER_ON_SAVE), TRAINER_OK) << host.error;
  auto results = plugin.results();
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].place, "b<a");
  EXPECT_EQ(results[0].view, "ls {place}");
  EXPECT_EQ(results[1].label, "page");
  const test::ScratchDirectory scratch;
  EXPECT_EQ(plugin.save_files(scratch.path().string()), TRAINER_OK);
  host.state.global_step = 7;
  EXPECT_EQ(plugin.end({}), TRAINER_OK);
  EXPECT_EQ(plugin.results()[0].place, "7");
  EXPECT_EQ(plugin.load_files(scratch.path().string()), TRAINER_OK);
  EXPECT_EQ(plugin.results()[0].place, "b<a");
  trainer_outcome stopped{};
  stopped.kind = 77, stopped.by = {"x", 1};  // a kind of a newer host
  EXPECT_EQ(plugin.end(stopped), TRAINER_ERROR);
  EXPECT_EQ(host.error, "stopped by x");
  host.offered.erase(TRAINER_EXT_CHECKPOINT);
  EXPECT_EQ(plugin.fire(TRAINER_ON_SAVE), TRAINER_OK);
  EXPECT_EQ(plugin.results()[0].place, "<");

  FakePlugin without(host, "early_stopping", TRAINER_BUILD_DIR "/plugins");
  EXPECT_TRUE(without.results().empty());
  EXPECT_EQ(without.end(stopped), TRAINER_OK);
  EXPECT_EQ(without.save_files("nowhere"), TRAINER_OK);
}

TEST(FakeHost, NoticesThatAnotherThreadAsksForACheckpoint) {
  FakeHost fake;
  const sdk::Host host(fake.table());
  std::thread([&] { host.saved_checkpoint(); }).join();
  EXPECT_EQ(fake.misuse, "saved");
  std::thread([&] { host.resumed_checkpoint(); }).join();
  EXPECT_EQ(fake.misuse, "resumed_from");
}

TEST(FakeHost, AHostOfTheFirstMinorHasNoStateAsJson) {
  FakeHost fake;
  trainer_host old = *fake.table();
  old.struct_size = TRAINER_SIZE_TO(trainer_host, get_extension);
  EXPECT_EQ(sdk::Host(&old).state_json(), "");
}

}  // namespace
}  // namespace trainer
