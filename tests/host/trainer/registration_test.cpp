// SPDX-License-Identifier: Apache-2.0
//
// Callbacks as a program gives them to a Trainer and takes them away: classes, instances, plugins, the built-in ones.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>

#include "support/scratch_directory.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;

struct StepsSeen : TrainerCallback {
  explicit StepsSeen(std::vector<std::int64_t>* to) : steps(to) {}
  std::vector<std::int64_t>* steps;

 private:
  void on_step_end(CallbackContext& context) override { steps->push_back(context.state.global_step); }
};

struct Registration : testing::Test {
  Registration() {
    log::set_sink([this](log::Level, std::string_view text) { lines += std::string(text) + "\n"; });
    torch::manual_seed(0);
    const auto x = torch::randn({12, 3});
    data = std::make_shared<TensorDataset>(x, x.sum(1, true));
  }
  ~Registration() override { log::set_sink({}); }
  TrainerOptions options() {
    TrainerOptions o;
    o.model = supervised(torch::nn::Linear(3, 1), mse_loss);
    o.args.output_dir = (directory / "out").string();
    o.args.report_to = {};
    o.args.max_steps = 3;
    o.args.per_device_train_batch_size = 4;
    o.args.save_strategy = "no";
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.train_dataset = data;
    return o;
  }
  static std::vector<std::string> names(const Trainer& trainer) {
    std::vector<std::string> out;
    for (const auto& entry : trainer.callback_handler().entries()) out.push_back(entry->name);
    return out;
  }
  test::ScratchDirectory directory;
  std::shared_ptr<TensorDataset> data;
  std::string lines;
};

TEST_F(Registration, TheBuiltInOnesAreTypes) {
  auto o = options();
  o.args.disable_tqdm = false;
  o.quiet = false;
  Trainer trainer(std::move(o));
  EXPECT_THAT(names(trainer), ElementsAre("DefaultFlowCallback", "ProgressCallback"));
  EXPECT_NE(trainer.pop_callback<ProgressCallback>(), nullptr);
  trainer.add_callback<PrinterCallback>(true);
  const auto flow = trainer.pop_callback<DefaultFlowCallback>();
  trainer.add_callback(flow);
  trainer.add_callback<EarlyStoppingCallback>(2, 0.5);
  trainer.remove_callback<PrinterCallback>();
  EXPECT_THAT(names(trainer), ElementsAre("DefaultFlowCallback", "EarlyStoppingCallback"));
  trainer.remove_callback<EarlyStoppingCallback>();
  EXPECT_EQ(trainer.train().global_step, 3) << "DefaultFlow ends it";
}

TEST_F(Registration, WhatWasPoppedIsCalledWhenItIsAddedAgain) {
  std::vector<std::int64_t> steps;
  Trainer trainer(options());
  trainer.add_callback<StepsSeen>(&steps);
  const std::shared_ptr<CallbackEntry> entry = trainer.pop_callback("StepsSeen");
  ASSERT_NE(entry, nullptr);
  trainer.train();
  EXPECT_THAT(steps, ElementsAre());
  trainer.add_callback(entry);
  trainer.train();
  EXPECT_THAT(steps, ElementsAre(1, 2, 3));
  const std::shared_ptr<TrainerCallback> as_base = trainer.pop_callback<TrainerCallback>();
  EXPECT_NE(std::dynamic_pointer_cast<DefaultFlowCallback>(as_base), nullptr) << "the first of all";
  trainer.add_callback(as_base);
  EXPECT_EQ(trainer.train().global_step, 3);
}

TEST_F(Registration, PluginsAreAddedPoppedAndAddedAgain) {
  Trainer trainer(options());
  trainer.add_callback(CallbackSpec::plugin("csv", {{"path", (directory / "own.csv").string()}}));
  EXPECT_THAT(names(trainer), ElementsAre("DefaultFlowCallback", "PrinterCallback", "csv"));
  auto popped = trainer.pop_callback("csv");
  ASSERT_NE(popped, nullptr);
  trainer.train();
  EXPECT_FALSE(std::filesystem::exists(directory / "own.csv"));
  trainer.add_callback(popped);
  trainer.train();
  EXPECT_TRUE(std::filesystem::exists(directory / "own.csv"));

  auto o = options();
  o.args.output_dir = (directory / "other").string();
  Trainer other(std::move(o));
  try {
    other.add_callback(trainer.pop_callback("csv"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("was made for another Trainer"));
  }
  try {
    trainer.add_callback(CallbackSpec::plugin("cvs"));
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("csv"));
    EXPECT_STREQ(e.id().text, "plugin.not-found");
  }
}

TEST_F(Registration, AClassIsMadeAnewFromACheckpoint) {
  struct Counts : TrainerCallback, ExportableState {
    explicit Counts(std::vector<const Counts*>* made) { made->push_back(this); }
    void on_step_end(CallbackContext&) override { ++steps; }
    json::object state() const override {
      return {{"args", json::object{}}, {"attributes", json::object{{"steps", steps}}}};
    }
    void load_state(const json::object& s) override { steps = s.at("attributes").at("steps").to_number<int>(); }
    int steps = 0;
  };
  std::vector<const Counts*> made;
  auto o = options();
  o.args.max_steps = 4;
  o.args.save_strategy = "steps";
  o.args.save_steps = 2;
  o.args.restore_callback_states_from_checkpoint = true;
  o.callbacks = {CallbackSpec::of<Counts>(&made)};
  auto again = o;
  Trainer(std::move(o)).train();
  Trainer resumed(std::move(again));
  resumed.train(directory / "out" / "checkpoint-2");
  EXPECT_EQ(made.size(), 3u) << "one for each Trainer, and one from the state";
  EXPECT_EQ(resumed.pop_callback<Counts>()->steps, 4);
  EXPECT_EQ(resumed.pop_callback<Counts>(), nullptr);
}

// One run of evaluations, played to EarlyStoppingCallback and to the plugin.
TEST_F(Registration, EarlyStoppingIsThatOfThePlugin) {
  struct Case {
    json::object config;
    std::vector<double> losses;
    std::string metric;
    bool greater_is_better;
  };
  const double nan = std::nan("");
  const Case cases[] = {
      {{}, {3, 2, 2, 1}, "loss", false},
      {{{"early_stopping_patience", 2}}, {3, 2, 2.5, 1, 1, 1, 0}, "eval_loss", false},
      {{{"early_stopping_patience", 2}, {"early_stopping_threshold", 0.6}}, {3, 2.5, 2, 1}, "loss", false},
      {{{"early_stopping_patience", 2}, {"early_stopping_threshold", 1}}, {1, 3, 3.5, 9}, "loss", true},
      {{{"early_stopping_patience", 0}}, {1, 1}, "loss", true},
      {{{"early_stopping_patience", 2}}, {1, nan, nan, 0}, "loss", false},
      {{}, {1, 2}, "missing", true}};
  PluginRegistry registry(plugin_directories({}));
  for (const Case& one : cases) {
    const auto patience = one.config.if_contains("early_stopping_patience");
    const auto threshold = one.config.if_contains("early_stopping_threshold");
    const Number number = threshold ? threshold->is_double() ? Number(threshold->as_double()) : Number(1) : Number(0.0);
    const auto native = CallbackSpec::of<EarlyStoppingCallback>(patience ? patience->as_int64() : 1, number);
    std::string traces[2];
    for (const bool plugin : {false, true}) {
      TrainingArguments args;
      args.eval_strategy = "steps";
      args.metric_for_best_model = one.metric;
      args.greater_is_better = one.greater_is_better;
      args.finalize();
      TrainerState state;
      TrainerControl control;
      const HostContext host{.args = &args, .state = &state, .model_config_json = {}};
      CallbackHandler handler(args, state, control);
      add_callback(handler, plugin ? CallbackSpec::plugin("early_stopping", one.config) : native, registry, host);
      EXPECT_EQ(handler.entries()[0]->class_name, "EarlyStoppingCallback");
      handler.call_event(TRAINER_ON_TRAIN_BEGIN);
      for (const double loss : one.losses) {
        ++state.global_step;
        json::object metrics{{"eval_loss", loss}};
        handler.call_event(TRAINER_ON_EVALUATE, &metrics);
        if (one.metric != "missing") state.update_best(loss, args);
        // A state goes out and back, as with a checkpoint.
        const json::object states = handler.collect_states();
        handler.restore_states(states);
        traces[plugin] += json::dump(states) + (control.should_training_stop ? " stop\n" : "\n");
      }
    }
    EXPECT_EQ(traces[0], traces[1]) << json::dump(one.config);
  }
  EXPECT_THAT(lines, HasSubstr("\"eval_missing\""));
}

TEST_F(Registration, EarlyStoppingNeedsAMetricAndEvaluations) {
  auto o = options();
  o.callbacks = {CallbackSpec::of<EarlyStoppingCallback>()};
  auto without_evaluations = o;
  try {
    Trainer(std::move(o)).train();
    FAIL();
  } catch (const Error& e) {
    EXPECT_THAT(e.what(), HasSubstr("callback EarlyStoppingCallback failed in on_train_begin at step 0: early stopping "
                                    "needs args.metric_for_best_model"));
  }
  without_evaluations.args.metric_for_best_model = "loss";
  EXPECT_THROW(Trainer(std::move(without_evaluations)).train(), Error);
}

}  // namespace
