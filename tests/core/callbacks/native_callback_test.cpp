// SPDX-License-Identifier: Apache-2.0
//
// A program's own callbacks: which events they get, what they get in them, and how they come and go.
#include <gmock/gmock.h>

#include "trainer/builtin_callbacks.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/error.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

// Core knows these by their names alone.
class trainer::Optimizer {};
class trainer::DataLoader {
 public:
  std::int64_t batches;
};

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<std::string> heard;

class Private : public TrainerCallback {
  void on_step_end(CallbackContext&) override { heard.push_back("private"); }

 protected:
  void on_save(CallbackContext&) override { heard.push_back("protected"); }
};

struct Overloaded : TrainerCallback {
  void on_log(CallbackContext&) override { on_log(1); }
  void on_log(int) { heard.push_back("overloaded"); }
};

struct Base : TrainerCallback {
  void on_step_begin(CallbackContext&) override { heard.push_back("base begin"); }
};
struct Derived : Base {
  void on_step_end(CallbackContext&) override { heard.push_back("derived end"); }
};

struct Failing : TrainerCallback {
  void on_step_end(CallbackContext&) override {
    heard.push_back("failing");
    throw std::runtime_error("no luck");
  }
};

struct StepCount : TrainerCallback, ExportableState {
  explicit StepCount(int first = 0) : count(first) {}
  void on_step_end(CallbackContext&) override { heard.push_back("count " + std::to_string(++count)); }
  json::object state() const override {
    return {{"args", json::object{}}, {"attributes", json::object{{"count", count}}}};
  }
  void load_state(const json::object& s) override {
    loaded += 1;
    count = s.at("attributes").at("count").to_number<int>();
  }
  int count = 0, loaded = 0;
};

struct NativeCallback : testing::Test {
  NativeCallback() {
    heard.clear();
    log::set_sink([this](log::Level, std::string_view text) { lines += std::string(text) + "\n"; });
  }
  ~NativeCallback() override { log::set_sink({}); }
  void add(const CallbackSpec& callback) { add_callback(handler, callback, registry, host); }
  std::shared_ptr<CallbackEntry> last() const { return handler.entries().back(); }
  void disable_last() {
    last()->on_error = OnError::disable;
    handler.call_event(TRAINER_ON_STEP_END);
    ASSERT_FALSE(handler.listens(TRAINER_ON_STEP_END));
    heard.clear();
  }
  std::string lines;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  CallbackHandler handler{args, state, control};
  PluginRegistry registry{{}};
  HostContext host{.args = &args, .state = &state, .model_config_json = {}};
};

TEST_F(NativeCallback, OverridesAreFoundInAnyAccessAndNothingElseIsSubscribed) {
  add(CallbackSpec::of<Private>());
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
    EXPECT_EQ(handler.listens(kind), kind == TRAINER_ON_STEP_END || kind == TRAINER_ON_SAVE) << kind;
    handler.call_event(kind);
  }
  EXPECT_THAT(heard, testing::UnorderedElementsAre("private", "protected"));
  handler.pop(last().get());
  add(CallbackSpec::of<Overloaded>());
  EXPECT_TRUE(handler.listens(TRAINER_ON_LOG));
  EXPECT_FALSE(handler.listens(TRAINER_ON_STEP_END));
}

TEST_F(NativeCallback, OneGivenAsItsBaseIsCalledInWhatItOverrides) {
  add(std::shared_ptr<Base>(std::make_shared<Derived>()));
  handler.call_event(TRAINER_ON_STEP_BEGIN);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("base begin", "derived end"));
}

TEST_F(NativeCallback, GetsWhatTheRunHas) {
  struct Look : TrainerCallback {
    void on_step_end(CallbackContext& c) override { look(c); }
    void on_log(CallbackContext& c) override { look(c); }
    void on_evaluate(CallbackContext& c) override { look(c); }
    void on_prediction_step(CallbackContext& c) override { look(c); }
    std::function<void(CallbackContext&)> look;
  };
  const auto callback = std::make_shared<Look>();
  add(callback);
  callback->look = [&](CallbackContext& c) {
    EXPECT_EQ(&c.args, &args);
    EXPECT_EQ(&c.state, &state);
    EXPECT_EQ(&c.control, &control);
    EXPECT_FALSE(c.model || c.processing_class || c.optimizer || c.lr_scheduler || c.train_dataloader);
    EXPECT_FALSE(c.eval_dataloader || c.logs || c.metrics);
    EXPECT_EQ(c.eval_dataloader_size, -1);
    EXPECT_EQ(c.get_processing_class<std::string>(), nullptr);
  };
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_EQ(handler.objects().has(), 0u);

  Optimizer optimizer;
  handler.objects().optimizer = &optimizer;
  handler.objects().processing_class = std::string("a tokenizer");
  handler.objects().eval_dataloader = std::make_shared<DataLoader>(7);
  handler.objects().eval_dataloader_size = 7;
  EXPECT_EQ(handler.objects().has(), TRAINER_EVENT_HAS_OPTIMIZER | TRAINER_EVENT_HAS_EVAL_DATALOADER);
  json::object values;
  callback->look = [&](CallbackContext& c) {
    EXPECT_EQ(c.optimizer, &optimizer);
    EXPECT_EQ(*c.get_processing_class<std::string>(), "a tokenizer");
    EXPECT_EQ(c.get_processing_class<int>(), nullptr);
    EXPECT_EQ(c.eval_dataloader->batches, 7);
    EXPECT_EQ(c.eval_dataloader_size, 7);
    c.logs->emplace("seen", true);
    EXPECT_FALSE(c.metrics);
  };
  handler.call_event(TRAINER_ON_LOG, &values);
  EXPECT_TRUE(values.contains("seen"));
  callback->look = [&](CallbackContext& c) {
    EXPECT_EQ(c.metrics, &values);
    EXPECT_FALSE(c.logs);
  };
  handler.call_event(TRAINER_ON_EVALUATE, &values);
}

TEST_F(NativeCallback, SeesTheLoaderOfAnEvaluationThatOneBeforeItBegan) {
  struct First : TrainerCallback {
    void on_step_end(CallbackContext&) override {
      handler->objects().eval_dataloader = std::make_shared<DataLoader>(2);
    }
    CallbackHandler* handler = nullptr;
  };
  struct Second : TrainerCallback {
    void on_step_end(CallbackContext& c) override { batches = c.eval_dataloader->batches; }
    std::int64_t batches = 0;
  };
  handler.objects().eval_dataloader = std::make_shared<DataLoader>(1);
  const auto first = std::make_shared<First>();
  first->handler = &handler;
  const auto second = std::make_shared<Second>();
  add(first);
  add(second);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_EQ(second->batches, 2);
}

TEST_F(NativeCallback, AClassIsMadeForEachAndAnInstanceIsShared) {
  const auto spec = CallbackSpec::of<StepCount>(5);
  add(spec);
  handler.call_event(TRAINER_ON_STEP_END);
  add(spec);
  EXPECT_THAT(lines, HasSubstr("a callback of the class StepCount is added although there is one already"));
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("count 6", "count 7", "count 6"));
  EXPECT_NE(handler.entries()[0]->native(), handler.entries()[1]->native());
  heard.clear();
  const auto instance = std::make_shared<StepCount>(0);
  const CallbackSpec shared = instance;
  CallbackHandler other(args, state, control);
  add_callback(other, shared, registry, host);
  add_callback(other, shared, registry, host);
  other.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("count 1", "count 2")) << "as in transformers, twice";
}

TEST_F(NativeCallback, AStateMakesAClassAnewAndIsGivenToAnInstance) {
  const auto instance = std::make_shared<StepCount>();
  add(CallbackSpec::of<StepCount>());
  add(instance);
  const auto made = handler.entries()[0]->native();
  const auto stored = [](int count) { return json::object{{"attributes", json::object{{"count", count}}}}; };
  handler.restore_states({{"StepCount", json::array{stored(3), stored(4)}}});
  ASSERT_EQ(handler.entries().size(), 2u);
  const auto anew = std::dynamic_pointer_cast<StepCount>(handler.entries()[0]->native());
  EXPECT_NE(anew, made);
  EXPECT_EQ(anew->count, 3);
  EXPECT_EQ(handler.entries()[1]->native(), instance);
  EXPECT_EQ(instance->count, 4);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("count 4", "count 5"));
}

TEST_F(NativeCallback, WhatWasPoppedCanBeAddedAgainOnce) {
  add(std::make_shared<StepCount>());
  const auto popped = handler.pop(last().get());
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_TRUE(heard.empty());
  add(popped);
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("count 1"));
  EXPECT_THROW(add(popped), Error) << "it is there already";
  EXPECT_THROW(add(std::shared_ptr<CallbackEntry>()), Error);
  EXPECT_THROW(add(std::shared_ptr<StepCount>()), Error);
  EXPECT_EQ(handler.entries().size(), 1u);
}

// Each leaves nothing of a callback that was disabled: a new one is called, even where memory is used again.
TEST_F(NativeCallback, ADisabledOneThatIsPoppedLeavesNothing) {
  add(CallbackSpec::of<Failing>());
  disable_last();
  const auto popped = handler.pop(last().get());
  EXPECT_FALSE(popped->on);
  add(popped);
  EXPECT_TRUE(handler.listens(TRAINER_ON_STEP_END));
}

TEST_F(NativeCallback, OneThatRemovesItselfAndFailsLeavesNothing) {
  struct Leaving : TrainerCallback {
    void on_step_end(CallbackContext&) override {
      heard.push_back("leaving");
      self = handler->pop(handler->entries()[0].get());
      throw std::runtime_error("no luck");
    }
    CallbackHandler* handler = nullptr;
    std::shared_ptr<CallbackEntry> self;
  };
  const auto leaving = std::make_shared<Leaving>();
  leaving->handler = &handler;
  add(leaving);
  last()->on_error = OnError::disable;
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_TRUE(handler.entries().empty());
  EXPECT_FALSE(handler.listens(TRAINER_ON_STEP_END));
  add(std::exchange(leaving->self, nullptr));
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("leaving", "leaving"));
  leaving->self = nullptr;
}

TEST_F(NativeCallback, ADisabledOneThatIsRestoredIsCalledAgain) {
  struct Once : StepCount {
    void on_step_end(CallbackContext& context) override {
      StepCount::on_step_end(context);
      if (count == 1) throw std::runtime_error("no luck");
    }
  };
  add(CallbackSpec::of<Once>());
  disable_last();
  handler.restore_states({{"Once", json::object{{"attributes", json::object{{"count", 8}}}}}});
  handler.call_event(TRAINER_ON_STEP_END);
  EXPECT_THAT(heard, ElementsAre("count 9"));
}

}  // namespace
