// SPDX-License-Identifier: Apache-2.0
//
// Compared with CallbackHandler of transformers' trainer_callback.py (docs/callbacks.md).
#include "trainer/callback_handler.hpp"

#include <gmock/gmock.h>

#include <chrono>
#include <functional>
#include <thread>

#include "state/moment.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/isolation.hpp"
#include "trainer/log.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> calls;

struct Recorder : TrainerCallback {
  explicit Recorder(std::string n = "r") : name(std::move(n)) {}
  void on_step_end(CallbackContext& context) override {
    calls.push_back(name);
    if (raise) context.control.should_log = true;
  }
  void on_log(CallbackContext& context) override { context.logs->emplace(name, 1); }
  std::string name;
  bool raise = false;
};

struct Exportable : TrainerCallback, ExportableState {
  json::object state() const override {
    return {{"args", json::object{{"patience", 2}}}, {"attributes", json::object{{"count", count}}}};
  }
  void load_state(const json::object& s) override { count = s.at("attributes").at("count").as_int64(); }
  std::int64_t count = 0;
};

struct Fixture : testing::Test {
  Fixture() {
    calls.clear();
    log::set_sink([this](log::Level, std::string_view text) { lines += std::string(text) + "\n"; });
  }
  ~Fixture() override { log::set_sink({}); }
  std::string lines;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler{args, state, control};
};
using Handler = Fixture;

TEST_F(Handler, CallsInOrderAndSharesControlAndLogs) {
  auto a = std::make_shared<Recorder>("a"), b = std::make_shared<Recorder>("b");
  a->raise = true;
  handler.add(native_entry(a));
  handler.add(native_entry(b));
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("a", "b"));
  EXPECT_EQ(control.should_log, 1u);
  json::object logs;
  handler.call_event(TRAINER_ON_LOG, &logs);
  EXPECT_EQ(json::dump(logs), R"({"a": 1, "b": 1})");
  EXPECT_EQ(control.should_log, 0u) << "on_log resets should_log before the callbacks";
  EXPECT_THAT(lines, HasSubstr("Recorder")) << "a second instance of a class is a warning";
}

TEST_F(Handler, NotesWhoChangedAFlagButTheLibrarysOwn) {
  struct Steps : EventRecorder {
    void begin(std::uint32_t, const TrainerState&, const TrainerControl&, const json::object*, std::uint32_t) override {
    }
    void called(const CallbackEntry&, const TrainerControl&, const TrainerControl&) override {}
    void end(const TrainerControl&) override {}
    void failed() override {}
    void between_events(std::string_view what, const TrainerState&, const TrainerControl& before,
                        const TrainerControl& after, const std::string& by, const std::optional<RateChange>&) override {
      EXPECT_EQ(what, "agreement");
      text += by + (before.should_save ? " 1" : " 0") + (after.should_save ? "1;" : "0;");
    }
    std::string text;
  } recorder;
  args.logging_steps = 1;
  state.logging_steps = 1, state.max_steps = state.global_step = 1;
  FlagChanges changes;
  handler.add(native_entry(std::make_shared<DefaultFlowCallback>()));
  const auto mine = std::make_shared<Recorder>();
  handler.add(native_entry(mine));
  handler.watch_flags(&changes);
  handler.set_recorder(&recorder);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_TRUE(control.should_log && control.should_training_stop);
  EXPECT_EQ(changes.by, FlagChanges().by) << "as the flow is the same in every process";
  control = {};
  state.logging_steps = 2, state.max_steps = 9, state.global_step = 3;
  mine->raise = true;
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_EQ(changes.by[4], 1u);
  EXPECT_FALSE(changes.by[0]);

  handler.take_flag(2, true, 3, 1);
  handler.take_flag(2, true, 3, 1);  // it is so already
  handler.take_flag(2, false, 1, 99);
  EXPECT_EQ(recorder.text, "Recorder on rank 3 01;a callback on rank 1 10;");
  EXPECT_FALSE(control.should_save);
  lines.clear();
  handler.take_flag(1, true, 2, 1);
  EXPECT_THAT(lines, HasSubstr("Recorder on rank 2 sets should_epoch_stop at step 3"));
}

TEST_F(Handler, ResetsOfEachEvent) {
  auto all = [&] {
    control.should_training_stop = control.should_epoch_stop = control.should_save = 1;
    control.should_evaluate = control.should_log = 1;
  };
  auto left = [&](std::uint32_t kind) {
    all();
    json::object values;
    handler.call_event(kind, kind == TRAINER_ON_LOG || kind == TRAINER_ON_EVALUATE ? &values : nullptr);
    std::string out;
    for (const auto& flag : control.flags()) out += flag.value().as_bool() ? '1' : '0';
    return out;  // training_stop, epoch_stop, save, evaluate, log
  };
  EXPECT_EQ(left(TRAINER_ON_TRAIN_BEGIN), "01111");
  EXPECT_EQ(left(TRAINER_ON_EPOCH_BEGIN), "10111");
  EXPECT_EQ(left(TRAINER_ON_STEP_BEGIN), "11000");
  EXPECT_EQ(left(TRAINER_ON_EVALUATE), "11101");
  EXPECT_EQ(left(TRAINER_ON_SAVE), "11011");
  EXPECT_EQ(left(TRAINER_ON_LOG), "11110");
  EXPECT_EQ(left(TRAINER_ON_STEP_END), "11111");
  EXPECT_EQ(left(TRAINER_ON_TRAIN_END), "11111");
}

TEST_F(Handler, WhoStopsTheTrainingIsTold) {
  struct Stopper : TrainerCallback {
    void on_step_end(CallbackContext& context) override { context.control.should_training_stop = 1; }
  };
  handler.add(native_entry(std::make_shared<Stopper>()));
  state.global_step = state.max_steps = 9;
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(lines, Not(HasSubstr("stops the training"))) << "it ends there by itself";
  control.should_training_stop = 0;
  state.global_step = 5;
  handler.call_event(TRAINER_ON_STEP_END);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(lines, testing::ContainsRegex("Stopper stops the training at step 5 of 9\n$"));
}

TEST_F(Handler, OnlyOverriddenEventsAreSubscribed) {
  handler.add(native_entry(std::make_shared<Recorder>()));
  EXPECT_TRUE(handler.listens(TRAINER_ON_STEP_END));
  EXPECT_TRUE(handler.listens(TRAINER_ON_LOG));
  EXPECT_FALSE(handler.listens(TRAINER_ON_STEP_BEGIN));
  handler.add(native_entry(std::shared_ptr<TrainerCallback>(std::make_shared<Recorder>())));
  EXPECT_TRUE(handler.listens(TRAINER_ON_STEP_BEGIN)) << "a type that is not known subscribes to all";
}

TEST_F(Handler, CountsCallsAndErrorsAndEstimatesSeconds) {
  struct Slow : TrainerCallback {
    void on_step_end(CallbackContext&) override { std::this_thread::sleep_for(std::chrono::milliseconds(1)); }
    void on_save(CallbackContext&) override {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      throw std::runtime_error("no");
    }
  };
  auto entry = native_entry(std::make_shared<Slow>());
  entry->on_error = OnError::warn;
  handler.add(entry);
  for (int step = 0; step < 128; ++step) handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_EQ(entry->cost.calls, 128u);
  EXPECT_EQ(entry->cost.errors, 0u);
  EXPECT_GE(entry->cost.seconds, 0.128) << "two of the 128 are timed, each for 64";
  const double before = entry->cost.seconds;
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_EQ(entry->cost.calls, 129u);
  EXPECT_EQ(entry->cost.errors, 1u);
  EXPECT_GE(entry->cost.seconds - before, 0.02) << "an event that is rare is timed each time";
}

TEST_F(Handler, AFailureNamesCallbackEventAndStep) {
  struct Bad : TrainerCallback {
    void on_step_end(CallbackContext&) override { throw std::runtime_error("no luck"); }
  };
  state.global_step = 7;
  auto entry = native_entry(std::make_shared<Bad>());
  handler.add(entry);
  try {
    handler.call_event(TRAINER_ON_STEP_END);
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.what(), "callback Bad failed in on_step_end at step 7: no luck [callback.failed]");
  }
  entry->on_error = OnError::warn;
  handler.call_event(TRAINER_ON_STEP_END);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_TRUE(handler.listens(TRAINER_ON_STEP_END));
  entry->on_error = OnError::disable;
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_FALSE(handler.listens(TRAINER_ON_STEP_END));
}

TEST_F(Handler, AFlagOtherThan0And1IsRefused) {
  struct Bad : TrainerCallback {
    void on_step_end(CallbackContext& context) override { context.control.should_save = 7; }
  };
  handler.add(native_entry(std::make_shared<Bad>()));
  EXPECT_THROW(handler.call_event(TRAINER_ON_STEP_END), Error);
  EXPECT_EQ(control.should_save, 0u);
}

TEST_F(Handler, ACallbackMayRemoveItselfDuringAnEvent) {
  struct Once : TrainerCallback {
    void on_step_end(CallbackContext&) override {
      calls.push_back("once");
      handler->pop(entry);
    }
    CallbackHandler* handler = nullptr;
    const CallbackEntry* entry = nullptr;
  };
  auto once = std::make_shared<Once>();
  auto entry = native_entry(once);
  once->handler = &handler;
  once->entry = entry.get();
  handler.add(std::move(entry));
  handler.call_event(TRAINER_ON_STEP_END);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("once"));
}

// Says its name, and does something else once.
struct Acting : TrainerCallback {
  Acting(std::string n, std::function<void()> a = {}) : name(std::move(n)), act(std::move(a)) {}
  void on_step_end(CallbackContext&) override {
    calls.push_back(name);
    if (auto once = std::exchange(act, {})) once();
  }
  std::string name;
  std::function<void()> act;
};

TEST_F(Handler, ACallbackThatIsDisabledTakesTheEventFromNobody) {
  for (const char* name : {"a", "bad", "b", "worse", "c"}) {
    const bool good = std::string_view(name).size() == 1;
    auto entry = native_entry(
        std::make_shared<Acting>(name, good ? std::function<void()>() : [] { throw std::runtime_error("no luck"); }));
    entry->on_error = OnError::disable;
    handler.add(std::move(entry));
  }
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("a", "bad", "b", "worse", "c"));
  calls.clear();
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("a", "b", "c"));
}

TEST_F(Handler, CallbacksMayComeAndGoDuringAnEvent) {
  std::vector<const CallbackEntry*> entries;
  const auto add = [&](std::string name, std::function<void()> act = {}) {
    auto entry = native_entry(std::make_shared<Acting>(std::move(name), std::move(act)));
    entries.push_back(entry.get());
    handler.add(std::move(entry));
  };
  add("a", [&] {
    handler.pop(entries[0]);  // itself
    handler.pop(entries[2]);  // one that is to come
    for (int i = 0; i < 100; ++i) add("new");
  });
  add("b");
  add("c");
  add("d", [&] {
    handler.call_event(TRAINER_ON_STEP_END);
    handler.pop(entries[1]);  // one that had its turn
  });
  handler.call_event(TRAINER_ON_STEP_END);
  std::vector<std::string> expected{"a", "b", "d", "b", "d"};  // with the event within the event
  expected.insert(expected.end(), 200, "new");
  EXPECT_EQ(calls, expected);
  calls.clear();
  handler.call_event(TRAINER_ON_STEP_END);
  expected.assign(100, "new");
  expected.insert(expected.begin(), "d");
  EXPECT_EQ(calls, expected);
}

// As in Python, where the list that is walked ends: it has its turn once more, as the last.
TEST_F(Handler, OneThatGoesAndComesAgainInAnEventDoesNotHoldItUp) {
  struct Restless : TrainerCallback, std::enable_shared_from_this<Restless> {
    void on_step_end(CallbackContext&) override {
      calls.push_back("restless");
      handler->pop(entry);
      auto again = native_entry(shared_from_this());
      entry = again.get();
      handler->add(std::move(again));
    }
    CallbackHandler* handler = nullptr;
    const CallbackEntry* entry = nullptr;
  };
  const auto restless = std::make_shared<Restless>();
  auto entry = native_entry(restless);
  restless->handler = &handler;
  restless->entry = entry.get();
  handler.add(std::move(entry));
  handler.add(native_entry(std::make_shared<Acting>("other")));
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("restless", "other", "restless"));
}

TEST_F(Handler, AnEntryIsInOneRunAtATime) {
  CallbackHandler other(args, state, control);
  const auto entry = native_entry(std::make_shared<Acting>("a"));
  handler.add(entry);
  EXPECT_THROW(other.add(entry), Error);
  other.add(handler.pop(entry.get()));
  other.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("a"));
}

TEST_F(Handler, WhatACallbackThrewIsTheCauseOfTheError) {
  handler.add(native_entry(std::make_shared<Acting>("a", [] { throw std::out_of_range("too far"); })));
  handler.add(native_entry(std::make_shared<Acting>("b", [] { throw_run(error_id::data_failed, "no row"); })));
  for (const bool own : {false, true}) try {
      handler.call_event(TRAINER_ON_STEP_END);
      FAIL();
    } catch (const Error& e) {
      ASSERT_TRUE(e.cause());
      if (own)
        EXPECT_THROW(std::rethrow_exception(e.cause()), Error);
      else
        EXPECT_THROW(std::rethrow_exception(e.cause()), std::out_of_range);
      EXPECT_EQ(e.sentence().find("[data.failed]"), std::string::npos) << "one id is enough";
    }
}

TEST_F(Handler, TheFirstCauseIsKept) {
  handler.add(native_entry(std::make_shared<Acting>("a", [] {
    const auto first = std::make_exception_ptr(std::out_of_range("too far"));
    throw Error(ErrorKind::run, error_id::data_failed, "no row", first);
  })));
  try {
    handler.call_event(TRAINER_ON_STEP_END);
    FAIL();
  } catch (const Error& e) {
    EXPECT_THROW(std::rethrow_exception(e.cause()), std::out_of_range);
  }
}

TEST_F(Handler, ACallbackThatWasDisabledMayBeAddedAgain) {
  auto entry = native_entry(std::make_shared<Acting>("a", [] { throw std::runtime_error("no luck"); }));
  entry->on_error = OnError::disable;
  handler.add(entry);
  handler.call_event(TRAINER_ON_STEP_END);
  handler.add(handler.pop(entry.get()));
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(calls, ElementsAre("a", "a"));
}

TEST_F(Handler, StatesOfSeveralInstancesAreAListOfOneEntryEach) {
  auto a = std::make_shared<Exportable>(), b = std::make_shared<Exportable>();
  handler.add(native_entry(a));
  handler.add(native_entry(b));
  a->count = 1;
  b->count = 2;
  json::object states = handler.collect_states();
  states.emplace("Gone", json::object{{"args", 1}});
  handler.refresh_states(states);
  handler.refresh_states(states);
  EXPECT_EQ(states.at("Exportable").as_array().size(), 2u);
  EXPECT_TRUE(states.contains("Gone")) << "a missing callback's state is carried through";
  a->count = b->count = 0;
  handler.restore_states(states);
  EXPECT_EQ(a->count, 1);
  EXPECT_EQ(b->count, 2);
  EXPECT_THAT(lines, HasSubstr("Gone"));
}

TEST_F(Handler, FilesStayThoseOfTheirInstanceWhenARestoredStateMovesIt) {
  struct Keeping : CallbackEntry {
    Keeping(std::string own, bool with_state) : text(std::move(own)), has_state(with_state) {
      name = "keeping";
      class_name = has_state ? "WithState" : "WithoutState";
      slots.struct_size = sizeof slots;
      table = &slots;
    }
    bool stateful() const override { return has_state; }
    json::object state() override { return {{"args", json::object{}}}; }
    std::shared_ptr<CallbackEntry> restored(const json::object&) override {
      return std::make_shared<Keeping>(text, has_state);
    }
    bool keeps_files() const override { return true; }
    void save_files(const std::filesystem::path& to) override { test::write(to / "text", text); }
    void load_files(const std::filesystem::path& from) override {
      calls.push_back(text + " got " + test::contents(from / "text"));
    }
    trainer_callback slots{};
    std::string text;
    bool has_state;
  };
  const auto add = [](CallbackHandler& to) {
    to.add(std::make_shared<Keeping>("first", true));
    to.add(std::make_shared<Keeping>("second", false));
  };
  const test::ScratchDirectory scratch;
  add(handler);
  handler.save_files(scratch / "plugins");
  CallbackHandler resumed{args, state, control};
  add(resumed);
  resumed.restore_states(handler.collect_states());
  resumed.load_files(scratch / "plugins");
  EXPECT_THAT(calls, ElementsAre("second got second", "first got first"));
  resumed.save_files(scratch / "again");
  EXPECT_EQ(test::contents(scratch / "again/keeping/text"), "first");
  EXPECT_EQ(test::contents(scratch / "again/keeping#2/text"), "second");
}

TEST_F(Handler, AFailureToGiveAStateIsOneOfTheCallback) {
  struct Bad : Exportable {
    json::object state() const override { throw std::runtime_error("no luck"); }
  };
  const auto bad = native_entry(std::make_shared<Bad>());
  handler.add(bad);
  try {
    handler.collect_states();
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.sentence(), "callback Bad could not give its state: no luck");
  }
  bad->on_error = OnError::disable;
  handler.add(native_entry(std::make_shared<Exportable>()));
  json::object states{{"Bad", json::object{{"args", 1}}}};
  handler.refresh_states(states);
  EXPECT_TRUE(states.contains("Exportable"));
  EXPECT_TRUE(states.contains("Bad")) << "the last that it gave is carried through";
  EXPECT_THAT(lines, HasSubstr("could not give its state: no luck; the run goes on without it"));
  lines.clear();
  handler.refresh_states(states);
  EXPECT_EQ(lines, "");
}

TEST_F(Handler, AStateThatIsNotTakenIsAFailureOfTheCallback) {
  struct Choosy : Exportable {
    void load_state(const json::object&) override { throw std::runtime_error("not this one"); }
  };
  const auto choosy = native_entry(std::make_shared<Choosy>());
  handler.add(choosy);
  handler.add(native_entry(std::make_shared<Recorder>()));
  const json::object states{{"Choosy", json::object{{"attributes", json::object{{"count", 1}}}}}};
  EXPECT_THROW(handler.restore_states(states), Error);
  for (const OnError policy : {OnError::warn, OnError::disable}) {
    choosy->on_error = policy;
    lines.clear();
    handler.restore_states(states);
    EXPECT_THAT(lines, HasSubstr("refused its stored state: not this one; the run goes on"));
    EXPECT_EQ(choosy->on, policy == OnError::warn);
    EXPECT_EQ(handler.entries().back(), choosy) << "where it is after a state that it took";
  }
}

// Such as an isolated plugin's, of which each try fails at once.
TEST_F(Handler, EachTryToStartACallbackAgainIsToldByItself) {
  struct Again : CallbackEntry {
    Again() {
      name = class_name = "again";
      on_error = OnError::restart;
      slots.struct_size = sizeof slots;
      slots.on_log = [](trainer_callback*, const trainer_event*) -> std::int32_t { return TRAINER_ERROR; };
      table = &slots;
    }
    std::string take_error() override { return "the first"; }
    Restarted restart() override {
      if (++tries == 3) return {.again = false, .consequence = "; no more"};
      return {true, "; try " + std::to_string(tries), Error(ErrorKind::run, error_id::callback_failed, "the next")};
    }
    trainer_callback slots{};
    int tries = 0;
  };
  const auto again = std::make_shared<Again>();
  handler.add(again);
  handler.call_event(TRAINER_ON_LOG);
  for (const char* told : {"the first; try 1 [", "the next; try 2 [", "the next; no more ["})
    EXPECT_THAT(lines, HasSubstr(told));
  EXPECT_FALSE(again->on);
  EXPECT_EQ(again->cost.errors, 3u);
}

TEST_F(Handler, AFailureInResultsIsCounted) {
  struct Lost : CallbackEntry {
    Lost() {
      name = class_name = "lost";
      slots.struct_size = sizeof slots;
      table = &slots;
    }
    std::vector<PluginResult> results() override { throw_run(error_id::isolation_ended, "it ended"); }
    trainer_callback slots{};
  };
  const auto lost = std::make_shared<Lost>();
  handler.add(lost);
  EXPECT_TRUE(handler.results().empty());
  EXPECT_THAT(lines, HasSubstr("it ended [isolation.ended]"));
  EXPECT_EQ(lost->cost.errors, 1u);
}

TEST_F(Handler, ACallbackWithAProcessOfItsOwnCannotEndThisOne) {
  struct Apart : CallbackEntry {
    explicit Apart(bool is) : isolated(is) {
      name = class_name = is ? "apart" : "here";
      slots.struct_size = sizeof slots;
      slots.on_save = [](trainer_callback*, const trainer_event*) -> std::int32_t {
        const std::uint32_t callback = moment().callback;
        calls.push_back(std::string(moments.name_of(callback)) +
                        (moments.can_end_process(callback) ? " can" : " cannot"));
        return TRAINER_OK;
      };
      table = &slots;
    }
    const Isolation* isolation() const override { return isolated ? &how : nullptr; }
    trainer_callback slots{};
    Isolation how;
    bool isolated;
  };
  handler.add(std::make_shared<Apart>(true));
  handler.add(std::make_shared<Apart>(false));
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_THAT(calls, ElementsAre("apart cannot", "here can"));
  EXPECT_FALSE(moments.can_end_process(moment().callback)) << "no call is under way";
}

TEST_F(Handler, AFailureBetweenEventsIsToldAtTheNext) {
  struct Late : CallbackEntry {
    Late() {
      name = class_name = "late";
      slots.struct_size = sizeof slots;
      slots.on_save = [](trainer_callback*, const trainer_event*) -> std::int32_t { return TRAINER_OK; };
      table = &slots;
    }
    std::optional<Error> take_failure_between_events() override { return std::exchange(failure, std::nullopt); }
    trainer_callback slots{};
    std::optional<Error> failure;
  };
  const auto late = std::make_shared<Late>();
  late->on_error = OnError::disable;
  handler.add(late);
  handler.call_event(TRAINER_ON_SAVE);  // which looks for those of other tests
  late->failure = Error(ErrorKind::run, error_id::plugin_threw, "plugin late threw an exception");
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_EQ(lines, "") << "nobody said that there is one";
  ++failures_between_events;
  handler.call_event(TRAINER_ON_SAVE);
  EXPECT_THAT(lines, HasSubstr("plugin late threw an exception; the run goes on without it [plugin.threw]"));
  EXPECT_FALSE(handler.listens(TRAINER_ON_SAVE));
}

TEST_F(Handler, TheNameOfTheTrainersOwnStateIsRefused) {
  struct TrainerControl : Exportable {};
  try {
    handler.add(native_entry(std::make_shared<TrainerControl>()));
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("is of the class \"TrainerControl\""));
    EXPECT_STREQ(e.id().text, "callback.name-taken");
  }
  EXPECT_TRUE(handler.entries().empty());
}

TEST_F(Handler, DefaultFlowFollowsTheStrategies) {
  args.eval_strategy = "steps";
  args.eval_steps = 3;
  args.logging_steps = 2;
  args.save_strategy = "steps";
  args.save_steps = 4;
  args.logging_first_step = true;
  args.finalize();
  state.max_steps = 5;
  state.compute_steps(args, 5);
  handler.add(native_entry(std::make_shared<DefaultFlowCallback>()));
  std::vector<std::string> steps;
  for (state.global_step = 1; state.global_step <= 5; ++state.global_step) {
    handler.call_event(TRAINER_ON_STEP_BEGIN);
    handler.call_event(TRAINER_ON_STEP_END);
    steps.push_back(std::string(control.should_log ? "L" : "-") + (control.should_evaluate ? "E" : "-") +
                    (control.should_save ? "S" : "-") + (control.should_training_stop ? "T" : "-"));
  }
  EXPECT_THAT(steps, ElementsAre("L---", "L---", "-E--", "L-S-", "-EST"));
}

}  // namespace
