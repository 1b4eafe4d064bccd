// SPDX-License-Identifier: Apache-2.0
//
// Files of a plugin in checkpoints: whole with them, of the moment of the save, given back, and gone with them.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <trainer/sdk.hpp>

#include "checkpoints/shared_files.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Noted {
  std::vector<std::string> said;
  bool fails = false;
} noted;

class StepKeeper final : public sdk::TrainerCallback, public sdk::KeepsFiles {
 public:
  explicit StepKeeper(const sdk::Host& host) : host_(host) {}

 private:
  void on_train_begin(const Arguments&, const State&, Control&) override {
    const fs::path from(host_.resumed_checkpoint());
    noted.said.push_back("begun" + (from.empty() ? "" : " from " + from.filename().string()));
  }
  void on_step_end(const Arguments&, const State& state, Control&) override { step_ = state.global_step; }
  void on_save(const Arguments&, const State& state, Control&) override {
    const fs::path saved(host_.saved_checkpoint());
    EXPECT_TRUE(saved.is_absolute()) << saved;
    EXPECT_EQ(saved.filename().string(), "checkpoint-" + std::to_string(state.global_step));
    EXPECT_EQ(test::contents(saved / "plugins/step_keeper/step"), std::to_string(state.global_step));
  }
  void save_files(std::string_view directory) override {
    EXPECT_TRUE(fs::path(directory).parent_path().parent_path().filename().string().starts_with(".checkpoint-"));
    test::write(fs::path(directory) / "step", std::to_string(step_));
    if (noted.fails) throw std::runtime_error("the disk is full");
  }
  void load_files(std::string_view directory) override {
    noted.said.push_back("loaded " + test::contents(fs::path(directory) / "step"));
  }

  sdk::Host host_;
  std::int64_t step_ = 0;
};

struct PluginFiles : testing::Test {
  PluginFiles() {
    noted = {};
    log::set_sink([this](log::Level, std::string_view line) { lines += std::string(line) + "\n"; });
  }
  ~PluginFiles() override { log::set_sink({}); }

  TrainerOptions options(bool async_save = false, OnError on_error = OnError::fail) {
    torch::manual_seed(0);
    const auto x = torch::randn({12, 3});
    TrainerOptions o;
    o.model = supervised(torch::nn::Linear(3, 1), mse_loss);
    o.train_dataset = std::make_shared<TensorDataset>(x, x.sum(1, true));
    o.args.output_dir = out().string();
    o.args.report_to = {};
    o.args.max_steps = 4;
    o.args.per_device_train_batch_size = 4;
    o.args.save_strategy = "steps";
    o.args.save_steps = 2;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.async_save = async_save;
    o.callbacks = {CallbackSpec::plugin(sdk::plugin_table<StepKeeper>(), {}, on_error)};
    return o;
  }
  std::string error_of(TrainerOptions o, const std::optional<fs::path>& resume = {}) {
    try {
      Trainer(std::move(o)).train(resume);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path out(const std::string& name = "") { return scratch.path() / "out" / name; }
  fs::path file(int step) { return out("checkpoint-" + std::to_string(step)) / "plugins/step_keeper/step"; }

  test::ScratchDirectory scratch;
  std::string lines;
};

TEST_F(PluginFiles, AreOfTheirCheckpointAndComeBackWithIt) {
  for (const bool async_save : {false, true}) {
    noted.said.clear();
    fs::remove_all(out());
    Trainer(options(async_save)).train();
    for (const int step : {2, 4}) EXPECT_EQ(test::contents(file(step)), std::to_string(step));
    const auto manifest = json::parse_file(out("checkpoint-2/checkpoint.json"));
    EXPECT_EQ(manifest.at("files").at("plugins/step_keeper/step").at("bytes").as_int64(), 1);
    EXPECT_THAT(noted.said, ElementsAre("begun"));
    noted.said.clear();
    auto o = options(async_save);
    o.args.save_total_limit = 1;
    o.args.max_steps = 6;
    Trainer(std::move(o)).train(out("checkpoint-2"));
    EXPECT_THAT(noted.said, ElementsAre("loaded 2", "begun from checkpoint-2"));
    for (const int step : {2, 4}) EXPECT_FALSE(fs::exists(out("checkpoint-" + std::to_string(step))));
    EXPECT_EQ(test::contents(file(6)), "6");
    EXPECT_EQ(lines.find("warning"), lines.npos) << lines;
  }
}

TEST_F(PluginFiles, DamagedOnesDamageTheCheckpoint) {
  Trainer(options()).train();
  test::write(file(4), "7");
  EXPECT_THAT(error_of(options(), out("checkpoint-4")),
              AllOf(HasSubstr("has other bytes than were written"), HasSubstr("the last good checkpoint is"),
                    HasSubstr("[checkpoint.damaged]")));
  // The newest that is whole; and without the plugin a checkpoint has none.
  auto o = options();
  o.args.max_steps = 3;
  Trainer(std::move(o)).train(fs::path());
  EXPECT_EQ(noted.said.at(1), "loaded 2");
  auto without = options();
  without.callbacks.clear();
  Trainer(std::move(without)).train(out("checkpoint-2"));
  EXPECT_FALSE(fs::exists(out("checkpoint-4/plugins")));
}

TEST_F(PluginFiles, AFailureLeavesNoCheckpointOrOneWithout) {
  for (const bool async_save : {false, true}) {
    fs::remove_all(out());
    noted.fails = true;
    EXPECT_THAT(
        error_of(options(async_save)),
        AllOf(HasSubstr("plugin step_keeper (this program) could not write its files of the checkpoint: the disk "
                        "is full"),
              HasSubstr("[plugin.files-failed]")));
    for (const auto& entry : fs::directory_iterator(out())) EXPECT_FALSE(entry.is_directory()) << entry.path();
    EXPECT_EQ(error_of(options(async_save, OnError::disable)), "no error");
    EXPECT_TRUE(fs::exists(out("checkpoint-4/trainer_state.json")));
    EXPECT_FALSE(fs::exists(out("checkpoint-4/plugins")));
  }
}

TEST(SharedFiles, OfAProcessAloneStayWhereTheyAre) {
  const test::ScratchDirectory scratch;
  fs::create_directories(scratch / "a/b");
  test::write(scratch / "a/b/c", "text");
  share_files(*process_group({}), scratch / "a");
  EXPECT_EQ(test::contents(scratch / "a/b/c"), "text");
}

}  // namespace
