// SPDX-License-Identifier: Apache-2.0
//
// A class of the SDK that is compiled into this very program is treated as a plugin of a file.
#include <gtest/gtest.h>

#include <filesystem>
#include <trainer/sdk.hpp>

#include "run/plugins_lock.hpp"
#include "support/scratch_directory.hpp"
#include "support/sentence_of.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/console.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

#undef TRAINER_PLUGIN_ENTRY  // the line here names its own

extern "C" const trainer_plugin* hello_c_plugin(void);  // sdk/examples/hello_c

namespace trainer {
namespace {

using plugin_builder::sentence_of;
using test::ScratchDirectory;

class Counting final : public sdk::TrainerCallback, public sdk::Stateful {
 public:
  explicit Counting(const sdk::Host& host) : host_(host), most_(host.config("most").integer()) {}

 private:
  void on_step_end(const Arguments&, const State& state, Control& control) override {
    if (++steps_ > most_) throw std::runtime_error("it has seen " + std::to_string(steps_) + " steps");
    control.should_log = state.global_step == 1;
    shown = std::string(host_.state_json());
  }
  void save_state(Map& args, Map& attributes) const override {
    args.set("most", most_);
    attributes.set("steps", steps_);
  }
  void load_state(const Map& attributes) override { steps_ = attributes.get("steps")->integer(); }

  sdk::Host host_;
  std::int64_t most_, steps_ = 0;

 public:
  static inline std::string shown;
};

class NoLine final : public sdk::TrainerCallback {};

class Listening final : public sdk::TrainerCallback, public sdk::Console {
 public:
  void on_line(std::uint32_t, std::string_view text) noexcept override { heard += std::string(text) + "\n"; }
  static inline std::string heard;
};

class OfEachMachine final : public sdk::TrainerCallback {
 public:
  static constexpr auto runs_on = sdk::RunsOn::local_zero;
  explicit OfEachMachine(const sdk::Host& host) { made = host.process().rank; }
  void on_step_end(const Arguments&, const State&, Control&) override {}
  static inline std::uint32_t made;
};

class Tracking final : public sdk::TrainerCallback {
 public:
  static void available(const sdk::Host& host) {
    if (host.config("server").text().empty()) throw sdk::Unavailable("there is no server; set config.server");
  }
};

}  // namespace
}  // namespace trainer

// clang-format off
#define TRAINER_PLUGIN_ENTRY tracking_plugin
TRAINER_PLUGIN(trainer::Tracking, {
  "id": "tracking", "version": "1", "report_to": "tracking", "config": {"server": {"type": "string", "default": ""}}
})
#undef TRAINER_PLUGIN_ENTRY
#define TRAINER_PLUGIN_ENTRY counting_plugin
TRAINER_PLUGIN(trainer::Counting, {
  "id": "counting", "version": "2", "class": "CountingCallback",
  "config": {"most": {"type": "integer", "minimum": 0, "default": 2}}
})
#undef TRAINER_PLUGIN_ENTRY
// clang-format on

namespace trainer {
namespace {

struct ProgramPluginTest : testing::Test {
  ProgramPluginTest() {
    log::set_sink([this](log::Level, std::string_view line) { logged += std::string(line) + "\n"; });
  }
  ~ProgramPluginTest() override { log::set_sink({}); }

  void add(const std::vector<CallbackSpec>& callbacks) { add_callbacks(handler, {}, {}, callbacks, registry, context); }
  void step() {
    ++state.global_step;
    handler.call_event(TRAINER_ON_STEP_END);
  }

  std::string logged;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  HostContext context{.args = &args, .state = &state, .model_config_json = {}};
  PluginRegistry registry{{}};
  CallbackHandler handler{args, state, control};
};

const trainer_plugin& counting = *counting_plugin();

TEST_F(ProgramPluginTest, GetsItsConfigurationCheckedAndFilled) {
  add({CallbackSpec::plugin(counting)});
  EXPECT_EQ(handler.entries().at(0)->state().at("args").at("most").as_int64(), 2);
  EXPECT_SAYS(sentence_of([&] { add({CallbackSpec::plugin(counting, {{"mots", 1}})}); }),
              "callbacks.config: unknown key \"mots\" for plugin counting; did you mean \"most\"?");
  EXPECT_SAYS(sentence_of([&] { add({CallbackSpec::plugin(counting, {{"most", -1}})}); }), "expected at least 0");
  EXPECT_SAYS(sentence_of([&] { add({CallbackSpec::plugin(sdk::plugin_table<NoLine>(), {{"a", 1}})}); }),
              "it has no configuration");
}

TEST_F(ProgramPluginTest, IsMadeInTheProcessesThatItNames) {
  const CallbackSpec spec = CallbackSpec::plugin(sdk::plugin_table<OfEachMachine>());
  context.process = {.rank = 3, .world_size = 4, .local_rank = 1, .local_world_size = 2, .node_rank = 1};
  add({spec});
  ASSERT_EQ(handler.entries().size(), 1u);
  EXPECT_TRUE(handler.entries()[0]->elsewhere());
  EXPECT_EQ(handler.entries()[0]->plugin()->note.id, "of_each_machine");
  EXPECT_FALSE(handler.listens(TRAINER_ON_STEP_END));
  handler.restore_states({{"OfEachMachine", json::object{}}});
  EXPECT_EQ(logged, "") << "its state is another process's";
  context.process = {.rank = 2, .world_size = 4, .local_rank = 0, .local_world_size = 2, .node_rank = 1};
  handler.pop(handler.entries()[0].get());
  add({spec});
  EXPECT_FALSE(handler.entries().at(0)->elsewhere());
  EXPECT_EQ(OfEachMachine::made, 2u);
}

TEST_F(ProgramPluginTest, ATrackerThatCannotWorkIsRefused) {
  EXPECT_SAYS(sentence_of([&] { add({CallbackSpec::plugin(*tracking_plugin())}); }),
              "callbacks names the plugin \"tracking\", which is not available here: there is no server");
  add({CallbackSpec::plugin(*tracking_plugin(), {{"server", "here"}})});
  EXPECT_EQ(handler.entries().size(), 1u);
}

TEST_F(ProgramPluginTest, IsCalledInItsPlaceByItsId) {
  add({CallbackSpec::plugin(sdk::plugin_table<NoLine>()), CallbackSpec::plugin(sdk::plugin_table<Counting>())});
  ASSERT_EQ(handler.entries().size(), 2u);
  EXPECT_EQ(handler.entries()[0]->name, "no_line");
  EXPECT_EQ(handler.entries()[0]->class_name, "NoLine");
  EXPECT_EQ(handler.entries()[1]->name, "counting");
  EXPECT_EQ(handler.entries()[1]->class_name, "CountingCallback");
  EXPECT_TRUE(handler.listens(TRAINER_ON_STEP_END));
  EXPECT_FALSE(handler.listens(TRAINER_ON_LOG));
  step();
  EXPECT_TRUE(control.should_log);
  step();
  EXPECT_FALSE(control.should_log);
}

TEST_F(ProgramPluginTest, FailsAsAPluginDoes) {
  add({CallbackSpec::plugin(counting, {{"most", 0}})});
  std::string said;
  try {
    step();
  } catch (const Error& e) {
    said = e.sentence();
  }
  EXPECT_SAYS(said, "callback counting failed in on_step_end at step 1: it has seen 1 steps");
}

TEST_F(ProgramPluginTest, OnErrorIsItsOwn) {
  add({CallbackSpec::plugin(counting, {{"most", 0}}, OnError::disable)});
  step();
  step();
  EXPECT_EQ(handler.entries()[0]->cost.calls, 1u);
  EXPECT_SAYS(logged, "it has seen 1 steps; the run goes on without it");
}

TEST_F(ProgramPluginTest, KeepsItsStateInCheckpoints) {
  add({CallbackSpec::plugin(counting)});
  step();
  const json::object states = handler.collect_states();
  EXPECT_EQ(json::dump(states.at("CountingCallback")), R"({"args": {"most": 2}, "attributes": {"steps": 1}})");
  handler.restore_states(states);
  step();
  EXPECT_EQ(json::dump(handler.collect_states().at("CountingCallback").at("attributes")), R"({"steps": 2})");
}

TEST_F(ProgramPluginTest, SeesTheStateWithItsIntsAndFloats) {
  add({CallbackSpec::plugin(counting)});
  state.best_metric = 3;
  state.log_history.push_back({{"loss", 0.5}, {"step", 1}});
  step();
  EXPECT_EQ(Counting::shown, state.to_json_string());
  EXPECT_SAYS(Counting::shown, "\n  \"best_metric\": 3,\n");
  EXPECT_SAYS(Counting::shown, "\n  \"epoch\": 0,\n");
  state.epoch = 0.0, state.best_metric = 3.0;
  step();
  EXPECT_SAYS(Counting::shown, "\n  \"best_metric\": 3.0,\n");
  EXPECT_SAYS(Counting::shown, "\n  \"epoch\": 0.0,\n");
}

TEST_F(ProgramPluginTest, HearsTheConsoleWhileItIsInTheRun) {
  add({CallbackSpec::plugin(sdk::plugin_table<Listening>())});
  console::print("one");
  const auto popped = handler.pop(handler.entries()[0].get());
  console::print("two");
  add_callback(handler, popped, registry, context);
  console::print("three");
  EXPECT_EQ(Listening::heard, "one\nthree\n");
}

TEST_F(ProgramPluginTest, HasNoFileToLock) {
  add({CallbackSpec::plugin(counting)});
  const ScratchDirectory directory;
  update_plugins_lock(directory.path(), handler.entries(), false);
  EXPECT_FALSE(std::filesystem::exists(directory.path() / "plugins.lock"));
}

TEST_F(ProgramPluginTest, MayBeInC) {
  add({CallbackSpec::plugin(*hello_c_plugin())});
  EXPECT_EQ(handler.entries().at(0)->name, "hello_c");
  EXPECT_TRUE(handler.listens(TRAINER_ON_TRAIN_BEGIN));
}

TEST_F(ProgramPluginTest, ATableThatIsNoneIsRefused) {
  trainer_plugin bad = counting;
  bad.magic = 1;
  EXPECT_SAYS(sentence_of([&] { CallbackSpec::plugin(bad); }),
              "a plugin of this program: its table starts with the magic number 1");
  bad = counting;
  bad.note = nullptr;
  EXPECT_SAYS(sentence_of([&] { CallbackSpec::plugin(bad); }), "its table has no note");
  bad = counting;
  trainer_note note = *counting.note;
  note.json_size = 0;
  bad.note = &note;
  EXPECT_SAYS(sentence_of([&] { CallbackSpec::plugin(bad); }), "a plugin of this program: its note");
}

}  // namespace
}  // namespace trainer
