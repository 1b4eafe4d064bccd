// SPDX-License-Identifier: Apache-2.0
//
// What a plugin says of its results, is told of the training's end, and keeps in checkpoints: errors of each are its
// own.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <trainer/sdk.hpp>

#include "support/error_of.hpp"
#include "support/scratch_directory.hpp"
#include "support/sentence_of.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {
namespace {

namespace fs = std::filesystem;
using test::error_of;

struct Told {
  std::vector<sdk::Result> results;
  std::string outcome, saved, resumed, loaded, text = "first";
  bool fails = false, links = false;
  int ended = 0;
} told;

void fail_if_asked() {
  if (told.fails) throw std::runtime_error("it will not");
}

class Keeper final : public sdk::TrainerCallback,
                     public sdk::HasResults,
                     public sdk::SeesOutcome,
                     public sdk::KeepsFiles {
 public:
  explicit Keeper(const sdk::Host& host) : host_(host) {}
  void on_save(const Arguments&, const State&, Control&) override {
    told.saved = host_.saved_checkpoint(), told.resumed = host_.resumed_checkpoint();
  }
  void on_step_end(const Arguments&, const State&, Control& control) override {
    told.saved = host_.saved_checkpoint();
    control.should_training_stop = 1;
  }
  std::vector<sdk::Result> results() const override {
    fail_if_asked();
    return told.results;
  }
  void on_outcome(const sdk::Outcome& outcome) override {
    ++told.ended;
    fail_if_asked();
    told.outcome = std::string(outcome.is_failed()        ? "failed "
                               : outcome.is_interrupted() ? "interrupted "
                               : outcome.is_stopped()     ? "stopped "
                                                          : "completed ") +
                   std::to_string(outcome.global_step()) + " of " + std::to_string(outcome.max_steps()) + " by " +
                   std::string(outcome.by()) + ", signal " + std::to_string(outcome.signal()) + ", " +
                   std::string(outcome.error()) + " [" + std::string(outcome.error_id()) + "]";
  }
  void save_files(std::string_view directory) override {
    const fs::path to(directory);
    EXPECT_TRUE(to.is_absolute() && fs::is_empty(to));
    if (told.text.empty()) return;
    fs::create_directory(to / "more");
    std::ofstream(to / "more" / "text") << told.text;
    if (told.links) fs::create_symlink("more", to / "link");
    fail_if_asked();
  }
  void load_files(std::string_view directory) override {
    fail_if_asked();
    told.loaded += test::contents(fs::path(directory) / "more" / "text") + ";";
  }

 private:
  sdk::Host host_;
};

class Plain final : public sdk::TrainerCallback {};

struct PluginExtensionsTest : testing::Test {
  PluginExtensionsTest() {
    told = {};
    log::set_sink([this](log::Level, std::string_view line) { logged += std::string(line) + "\n"; });
  }
  ~PluginExtensionsTest() override { log::set_sink({}); }
  void add(OnError on_error = OnError::fail) {
    add_callbacks(handler, {}, {},
                  {CallbackSpec::plugin(sdk::plugin_table<Plain>()),
                   CallbackSpec::plugin(sdk::plugin_table<Keeper>(), {}, on_error)},
                  registry, context);
  }

  test::ScratchDirectory scratch;
  std::string logged;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  CheckpointPlaces checkpoints;
  HostContext context{.args = &args, .state = &state, .model_config_json = {}, .checkpoints = &checkpoints};
  PluginRegistry registry{{}};
  CallbackHandler handler{args, state, control};
};

TEST_F(PluginExtensionsTest, ResultsAreThoseThatExist) {
  add();
  EXPECT_TRUE(handler.results().empty());
  told.results = {{"page", "https://somewhere/1"},
                  {"files", scratch.path().string(), "ls {place}"},
                  {"gone", (scratch / "gone").string()},
                  {"a label that is longer than anybody would like to read", "", "show it"}};
  const auto results = handler.results();
  ASSERT_EQ(results.size(), 3u) << logged;
  EXPECT_EQ(results[0].plugin, "keeper");
  EXPECT_EQ(results[0].place, "https://somewhere/1");
  EXPECT_EQ(results[1].view, "ls {place}");
  EXPECT_EQ(results[2].label.size(), 40u);
  told.results = {{"good", "https://a"}, {"two\nlines", "https://b"}, {"good", "https://c"}};
  EXPECT_EQ(handler.results().size(), 1u);
  EXPECT_SAYS(logged,
              "plugin keeper (this program) gave a label of a result that is not one line of UTF-8: two\\nlines");
  logged.clear();
  told.results = {{"", "https://b"}};
  EXPECT_EQ(handler.results().size(), 0u);
  EXPECT_SAYS(logged, "without a label");
  told.results.assign(100, {"many", "https://a"});
  EXPECT_EQ(handler.results().size(), TRAINER_MOST_RESULTS);
  logged.clear(), told.fails = true;
  EXPECT_EQ(handler.results().size(), 0u);
  EXPECT_SAYS(logged, "plugin keeper (this program) could not say where its results are: it will not");
}

TEST_F(PluginExtensionsTest, AnOutcomeIsToldAsItIs) {
  add();
  handler.tell_outcome({.kind = TrainingOutcome::Kind::stopped, .global_step = 3, .max_steps = 9, .by = "a on rank 1"});
  EXPECT_EQ(told.outcome, "stopped 3 of 9 by a on rank 1, signal 0,  []");
  handler.tell_outcome({.kind = TrainingOutcome::Kind::interrupted, .global_step = 3, .max_steps = 9, .signal = 15});
  EXPECT_EQ(told.outcome, "interrupted 3 of 9 by , signal 15,  []");
  handler.tell_outcome({.kind = TrainingOutcome::Kind::failed, .error = "no \xc3\xa4", .error_id = "data.failed"});
  EXPECT_EQ(told.outcome, "failed 0 of 0 by , signal 0, no \xc3\xa4 [data.failed]");
}

TEST_F(PluginExtensionsTest, OneThatFailsAtTheEndEndsTheRunUnlessItHasFailed) {
  add();
  add(OnError::warn);
  told.fails = true;
  EXPECT_SAYS(error_of([&] { handler.tell_outcome({}); }),
              "plugin keeper (this program) failed when it was told how the training ended: it will not");
  EXPECT_EQ(told.ended, 2) << "all are told";
  logged.clear();
  handler.tell_outcome({.kind = TrainingOutcome::Kind::failed});
  EXPECT_EQ(told.ended, 4);
  EXPECT_SAYS(logged, "failed when it was told");
}

TEST_F(PluginExtensionsTest, TheLastWhoAskedForTheEndIsKnown) {
  add();
  EXPECT_EQ(handler.stopped_by(), "");
  state.max_steps = 9;
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_EQ(handler.stopped_by(), "keeper");
  handler.forget_stop();
  EXPECT_EQ(handler.stopped_by(), "");
  control.should_training_stop = 0;
  handler.take_flag(0, true, 2, 1);
  EXPECT_EQ(handler.stopped_by(), "keeper on rank 2");
}

TEST_F(PluginExtensionsTest, CheckpointsAreNamedWhereThereAreAny) {
  add();
  checkpoints = {"/out/checkpoint-2", "/out/checkpoint-1"};
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_EQ(told.saved, "/out/checkpoint-2");
  EXPECT_EQ(told.resumed, "/out/checkpoint-1");
  checkpoints = {};
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_EQ(told.saved, "");
}

TEST_F(PluginExtensionsTest, EachInstanceHasItsOwnFiles) {
  add();
  add();
  EXPECT_SAYS(logged, "both will be called");
  handler.save_files(scratch / "plugins");
  EXPECT_EQ(test::contents(scratch / "plugins/keeper/more/text"), "first");
  EXPECT_EQ(test::contents(scratch / "plugins/keeper#2/more/text"), "first");
  EXPECT_FALSE(fs::exists(scratch / "plugins/plain"));
  test::write(scratch / "plugins/keeper#2/more/text", "second");
  handler.load_files(scratch / "plugins");
  EXPECT_EQ(told.loaded, "first;second;");
  handler.load_files(scratch / "elsewhere");
  EXPECT_EQ(told.loaded, "first;second;");
  told.text.clear();
  handler.save_files(scratch / "nothing");
  EXPECT_FALSE(fs::exists(scratch / "nothing"));
}

TEST_F(PluginExtensionsTest, FilesThatFailAreHandledAsTheRunSays) {
  add();
  handler.save_files(scratch / "good");
  told.fails = true;
  EXPECT_SAYS(error_of([&] { handler.save_files(scratch / "bad"); }),
              "plugin keeper (this program) could not write its files of the checkpoint: it will not");
  EXPECT_FALSE(fs::exists(scratch / "bad/keeper"));
  EXPECT_SAYS(error_of([&] { handler.load_files(scratch / "good"); }),
              "plugin keeper (this program) refused its files");
}

TEST_F(PluginExtensionsTest, OfATrackerTheyAreLeftOut) {
  add(OnError::disable);
  told.fails = true;
  handler.save_files(scratch / "bad");
  EXPECT_FALSE(fs::exists(scratch / "bad"));
  EXPECT_SAYS(logged, "could not write its files of the checkpoint: it will not; the run goes on without it");
  EXPECT_FALSE(handler.listens(TRAINER_ON_SAVE));
}

#if !defined(_WIN32)
TEST_F(PluginExtensionsTest, ALinkIsNoFile) {
  add();
  told.links = true;
  EXPECT_SAYS(error_of([&] { handler.save_files(scratch / "plugins"); }),
              "callback keeper left link among its files of the checkpoint, which is a link");
}
#endif

}  // namespace
}  // namespace trainer
