// SPDX-License-Identifier: Apache-2.0
//
// How a training ended, as callbacks are told it, and where their results are afterwards.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <csignal>
#include <trainer/sdk.hpp>

#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

std::vector<std::string> told;

class Listener final : public sdk::TrainerCallback, public sdk::SeesOutcome, public sdk::HasResults {
 public:
  ~Listener() override { told.emplace_back("gone"); }
  void on_outcome(const sdk::Outcome& o) override {
    const std::string step = " at " + std::to_string(o.global_step()) + " of " + std::to_string(o.max_steps());
    told.push_back(o.is_failed()
                       ? "failed" + step + ": " + std::string(o.error()) + " [" + std::string(o.error_id()) + "]"
                   : o.is_interrupted() ? "signal " + std::to_string(o.signal()) + step
                   : o.is_stopped()     ? "stopped by " + std::string(o.by()) + step
                                        : "completed" + step);
  }
  std::vector<sdk::Result> results() const override { return {{"here", "https://here"}}; }

 private:
  void on_train_end(const Arguments&, const State&, Control&) override { told.emplace_back("train_end"); }
};

class Stopper final : public sdk::TrainerCallback {
 public:
  static inline std::function<void(Control&)> at_second_step;

 private:
  void on_step_end(const Arguments&, const State& state, Control& control) override {
    if (state.global_step == 2 && at_second_step) at_second_step(control);
  }
};

struct OutcomeTest : testing::Test {
  OutcomeTest() {
    told.clear();
    Stopper::at_second_step = nullptr;
    log::set_sink([](log::Level, std::string_view) {});
  }
  ~OutcomeTest() override {
    Stopper::at_second_step = nullptr;
    log::set_sink({});
  }
  TrainerOptions options() {
    torch::manual_seed(0);
    const auto x = torch::randn({12, 3});
    TrainerOptions o;
    o.model = supervised(torch::nn::Linear(3, 1), mse_loss);
    o.train_dataset = std::make_shared<TensorDataset>(x, x.sum(1, true));
    o.args.output_dir = (scratch / "out").string();
    o.args.report_to = {};
    o.args.max_steps = 3;
    o.args.per_device_train_batch_size = 4;
    o.args.save_strategy = "no";
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.callbacks = {CallbackSpec::plugin(sdk::plugin_table<Stopper>()),
                   CallbackSpec::plugin(sdk::plugin_table<Listener>())};
    return o;
  }
  void train(std::function<void(sdk::Control&, Trainer&)> at_second_step = nullptr) {
    Trainer trainer(options());
    if (at_second_step) Stopper::at_second_step = [&](sdk::Control& control) { at_second_step(control, trainer); };
    trainer.train();
    EXPECT_EQ(trainer.plugin_results().size(), 1u);
  }

  test::ScratchDirectory scratch;
};

TEST_F(OutcomeTest, ACompletedTraining) {
  train();
  EXPECT_THAT(told, ElementsAre("train_end", "completed at 3 of 3", "gone"));
  EXPECT_THAT(test::contents(scratch / "out/plugin_results.json"), HasSubstr("https://here"));
}

TEST_F(OutcomeTest, EachTrainingOfATrainerIsTold) {
  Trainer trainer(options());
  trainer.train();
  trainer.train();
  EXPECT_THAT(told, ElementsAre("train_end", "completed at 3 of 3", "train_end", "completed at 3 of 3"));
}

TEST_F(OutcomeTest, OneThatACallbackStopped) {
  train([](auto& control, auto&) { control.should_training_stop = 1; });
  EXPECT_THAT(told, ElementsAre("train_end", "stopped by stopper at 2 of 3", "gone"));
}

TEST_F(OutcomeTest, OneThatTheProgramStopped) {
  train([](auto&, auto& trainer) { trainer.request_stop(); });
  EXPECT_THAT(told, ElementsAre("train_end", "stopped by  at 2 of 3", "gone"));
}

TEST_F(OutcomeTest, OneThatASignalStopped) {
  std::optional<StopSignals> signals;
  train([&](auto&, auto& trainer) {
    signals.emplace(trainer, std::vector<int>{SIGTERM});
    std::raise(SIGTERM);
  });
  EXPECT_THAT(told, ElementsAre("train_end", "signal " + std::to_string(SIGTERM) + " at 2 of 3", "gone"));
}

TEST_F(OutcomeTest, OneThatFailed) {
  EXPECT_THROW(train([](auto&, auto&) { throw std::runtime_error("enough"); }), Error);
  EXPECT_THAT(told, ElementsAre("failed at 2 of 3: callback stopper failed in on_step_end at step 2: enough "
                                "[callback.failed]",
                                "gone"));
  EXPECT_THAT(test::contents(scratch / "out/plugin_results.json"), HasSubstr("https://here"));
}

TEST_F(OutcomeTest, OneThatFailedBeforeItBegan) {
  Trainer trainer(options());
  EXPECT_THROW(trainer.train(scratch / "nothing"), Error);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_THAT(told[0], HasSubstr("failed at 0 of"));
  EXPECT_THAT(told[0], HasSubstr("[file.read-failed]"));
}

TEST_F(OutcomeTest, OneThatFailedBeforeItBeganHasNoStepsOfTheOneBefore) {
  Trainer trainer(options());
  trainer.train();
  EXPECT_THROW(trainer.train(scratch / "nothing"), Error);
  EXPECT_THAT(told, ElementsAre("train_end", "completed at 3 of 3", HasSubstr("failed at 0 of 0: ")));
}

}  // namespace
