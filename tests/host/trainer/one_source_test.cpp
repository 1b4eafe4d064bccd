// SPDX-License-Identifier: Apache-2.0
//
// One source of a callback, in this program and as a plugin (tests/python has it in Python's Trainer), and a class of
// the SDK beside the library in one file.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <unistd.h>

#include <filesystem>
#include <trainer/sdk.hpp>

#include "trainer/callback_handler.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

extern "C" const trainer_plugin* one_source_plugin(void);

namespace {

using namespace trainer;
namespace fs = std::filesystem;

struct OneSourceTest : testing::Test {
  OneSourceTest() {
    log::set_sink([](log::Level, std::string_view) {});
    fs::create_directories(directory);
  }
  ~OneSourceTest() override {
    log::set_sink({});
    fs::remove_all(directory);
  }

  // The run that tests/python/trainer_test.py has.
  TrainerOptions options(CallbackSpec callback) {
    torch::manual_seed(0);
    auto x = torch::randn({32, 3});
    TrainerOptions o;
    o.model = supervised(torch::nn::Sequential(torch::nn::Linear(3, 1)), mse_loss);
    const auto data = std::make_shared<TensorDataset>(x, x.sum(1, true));
    o.train_dataset = data;
    o.eval_dataset = data;
    o.args.output_dir = (directory / "out").string();
    o.args.report_to = {};
    o.args.max_steps = 8;
    o.args.logging_steps = 2;
    o.args.eval_steps = 2;
    o.args.eval_strategy = "steps";
    o.args.save_steps = 4;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.args.restore_callback_states_from_checkpoint = true;
    o.quiet = true;
    o.plugin_dirs = {TRAINER_BUILD_DIR "/plugins"};
    o.callbacks = {std::move(callback)};
    return o;
  }

  // Trained, and resumed by another Trainer, which stops later.
  std::string noted(const std::function<CallbackSpec(json::object)>& callback) {
    const std::string path = (directory / "noted").string();
    fs::remove(path);
    {
      Trainer trainer(options(callback({{"path", path}, {"stop_at", 3}})));
      EXPECT_EQ(trainer.train().global_step, 3);
    }
    {
      Trainer trainer(options(callback({{"path", path}})));
      EXPECT_EQ(trainer.train(fs::path()).global_step, 8);
    }
    fs::remove_all(directory / "out");
    return read_file(path);
  }

  fs::path directory = fs::temp_directory_path() / ("one_source_test." + std::to_string(::getpid()));
};

TEST_F(OneSourceTest, DoesTheSameInTheProgramAndAsAPlugin) {
  const std::string expected = read_file(TRAINER_SOURCE_DIR "/tests/support/plugins/one_source.expected");
  EXPECT_EQ(noted([](json::object config) { return CallbackSpec::plugin(*one_source_plugin(), config); }), expected);
  EXPECT_EQ(noted([](json::object config) { return CallbackSpec::plugin("one_source", config); }), expected);
}

// Compares the state that it sees with the one that is saved.
class SavedState final : public sdk::TrainerCallback {
 public:
  explicit SavedState(const sdk::Host& host) : host_(host) { seen = equal = 0; }
  static inline int seen, equal;

 private:
  void on_save(const Arguments& args, const State& state, Control&) override {
    const fs::path output_dir(args["output_dir"].text());
    const auto file = output_dir / ("checkpoint-" + std::to_string(state.global_step)) / "trainer_state.json";
    ++seen;
    equal += read_file(file) == host_.state_json() ? 1 : 0;
  }
  sdk::Host host_;
};

TEST_F(OneSourceTest, TheStateAsJsonIsThatOfTheCheckpoint) {
  Trainer trainer(options(CallbackSpec::plugin(sdk::plugin_table<SavedState>())));
  trainer.train();
  EXPECT_EQ(SavedState::seen, 2);
  EXPECT_EQ(SavedState::equal, 2);
}

class LastStep final : public sdk::TrainerCallback {
  void on_step_end(const Arguments&, const State& state, Control& control) override {
    control.should_training_stop = state.global_step == 2;
  }
};

TEST_F(OneSourceTest, AClassOfTheSdkIsAddedAndPoppedByItsId) {
  auto o = options(CallbackSpec::plugin(sdk::plugin_table<LastStep>()));
  o.args.save_strategy = "no";
  Trainer trainer(std::move(o));
  EXPECT_EQ(trainer.train().global_step, 2);
  EXPECT_FALSE(fs::exists(directory / "out/plugins.lock"));
  const auto popped = trainer.pop_callback("last_step");
  ASSERT_TRUE(popped);
  EXPECT_EQ(trainer.pop_callback("last_step"), nullptr);
  trainer.add_callback(popped);
  EXPECT_EQ(trainer.callback_handler().entries().back()->name, "last_step");
}

}  // namespace
