// SPDX-License-Identifier: Apache-2.0
//
// Which checkpoints a run keeps, deletes and takes for its best, and which it refuses.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <chrono>
#include <set>

#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors.hpp"
#include "trainer/torch_file.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;
namespace fs = std::filesystem;

struct AtSave : TrainerCallback {
  void on_save(CallbackContext& context) override {
    if (saved) saved(context.state.global_step);
  }
  std::function<void(std::int64_t)> saved;
};

struct CheckpointTest : testing::Test {
  CheckpointTest() {
    log::set_sink([this](log::Level, std::string_view line) { lines += std::string(line) + "\n"; });
  }
  ~CheckpointTest() override { log::set_sink({}); }

  // Saves each second of six steps. With a learning rate of 0 the first evaluation is the best.
  TrainerOptions options(double learning_rate = 0.1) {
    torch::manual_seed(0);
    const auto x = torch::randn({12, 3});
    TrainerOptions o;
    net = torch::nn::Sequential(torch::nn::Linear(3, 1));
    o.model = supervised(net, mse_loss);
    o.train_dataset = std::make_shared<TensorDataset>(x, x.sum(1, true));
    o.args.output_dir = out().string();
    o.args.report_to = {};
    o.args.max_steps = 6;
    o.args.per_device_train_batch_size = 4;
    o.args.learning_rate = learning_rate;
    o.args.logging_steps = 2;
    o.args.save_strategy = "steps";
    o.args.save_steps = 2;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.callbacks = {at_save};
    return o;
  }
  TrainerOptions best_options(double learning_rate = 0) {
    auto o = options(learning_rate);
    o.eval_dataset = o.train_dataset;
    o.args.eval_strategy = "steps";
    o.args.eval_steps = 2;
    o.args.load_best_model_at_end = true;
    o.args.metric_for_best_model = "loss";
    return o;
  }
  void train(TrainerOptions o, const std::optional<fs::path>& resume = {}) { Trainer(std::move(o)).train(resume); }
  std::string error_of(TrainerOptions o, const fs::path& resume) {
    try {
      train(std::move(o), resume);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  fs::path out(const std::string& name = "") { return scratch.path() / "out" / name; }
  std::set<std::string> left() {
    std::set<std::string> names;
    for (const auto& entry : fs::directory_iterator(out()))
      if (entry.is_directory()) names.insert(entry.path().filename().string());
    return names;
  }
  // As transformers' are.
  void take_identity(int step) { fs::remove(out("checkpoint-" + std::to_string(step)) / "checkpoint.json"); }

  test::ScratchDirectory scratch;
  torch::nn::Sequential net{nullptr};
  std::shared_ptr<AtSave> at_save = std::make_shared<AtSave>();
  std::string lines;
};

TEST_F(CheckpointTest, TheOneJustWrittenStaysWhateverTheTimesAre) {
  for (const bool async_save : {false, true})
    for (const int limit : {1, 2}) {
      fs::remove_all(out());
      auto first = options();
      first.args.max_steps = 4;
      train(std::move(first));
      const auto later = fs::file_time_type::clock::now() + std::chrono::hours(24);
      for (const char* name : {"checkpoint-2", "checkpoint-4"}) fs::last_write_time(out(name), later);
      auto second = options();
      second.args.save_total_limit = limit;
      second.args.max_steps = 8;
      second.async_save = async_save;
      train(std::move(second), fs::path{});
      if (limit == 1)
        EXPECT_THAT(left(), ElementsAre("checkpoint-8"));
      else
        EXPECT_THAT(left(), ElementsAre("checkpoint-6", "checkpoint-8"));
    }
}

TEST_F(CheckpointTest, CheckpointsOfOtherRunsAreNotDeleted) {
  auto other = options();
  other.args.max_steps = 4;
  train(std::move(other));
  lines.clear();
  auto o = options();
  o.args.save_total_limit = 1;
  o.args.save_steps = 5;
  train(std::move(o));
  EXPECT_THAT(left(), ElementsAre("checkpoint-2", "checkpoint-4", "checkpoint-6"));
  EXPECT_THAT(lines, HasSubstr("holds checkpoints of another run (checkpoint-2, checkpoint-4)"));
}

TEST_F(CheckpointTest, AResumedRunIsTheSameRun) {
  auto first = options();
  first.args.max_steps = 4;
  train(std::move(first));
  for (const int max_steps : {8, 10}) {
    auto o = options();
    o.args.save_total_limit = 2;
    o.args.max_steps = max_steps;
    train(std::move(o), fs::path{});
  }
  EXPECT_THAT(left(), ElementsAre("checkpoint-10", "checkpoint-8"));
}

TEST_F(CheckpointTest, TransformersCheckpointsBelongToTheRunThatResumesFromThem) {
  train(options());
  for (const int step : {2, 4, 6}) take_identity(step);
  auto o = options();
  o.args.save_total_limit = 1;
  o.args.max_steps = 6;
  train(o, out("checkpoint-4"));  // writes its own checkpoint-6
  EXPECT_THAT(left(), ElementsAre("checkpoint-6"));

  fs::remove_all(out());
  train(options());
  for (const int step : {2, 4, 6}) take_identity(step);
  o = options();
  o.args.save_total_limit = 1;
  o.args.max_steps = 5;
  train(o, out("checkpoint-4"));
  EXPECT_THAT(left(), ElementsAre("checkpoint-5", "checkpoint-6")) << "a later one is not known to be the run's";
  train(o);
  EXPECT_THAT(left(), ElementsAre("checkpoint-5", "checkpoint-6"));
}

TEST_F(CheckpointTest, TheBestIsNeverAnotherRuns) {
  train(options());  // leaves a checkpoint-2
  auto o = best_options();
  o.args.save_steps = 4;
  Trainer trainer(std::move(o));
  trainer.train();
  EXPECT_EQ(trainer.state().best_global_step, 2);
  EXPECT_FALSE(trainer.state().best_model_checkpoint);
  EXPECT_THAT(lines, HasSubstr("there is no checkpoint of the best step, 2; the model stays that of the last step"));
}

TEST_F(CheckpointTest, TheBestIsNotFromBeforeTheRunWasResumed) {
  auto first = options();
  first.args.eval_steps = 2;
  train(std::move(first));
  auto o = best_options();
  o.args.load_best_model_at_end = false;
  o.args.greater_is_better = true;  // so that the first is the best
  o.args.save_strategy = "epoch";   // at 3 and 6; the checkpoint-4 that is there was written by what was given up
  Trainer trainer(std::move(o));
  trainer.train(out("checkpoint-2"));
  EXPECT_EQ(trainer.state().best_global_step, 4);
  EXPECT_FALSE(trainer.state().best_model_checkpoint);
}

TEST_F(CheckpointTest, ABestThatVanishesTakesNothingWithIt) {
  for (const bool async_save : {false, true}) {
    fs::remove_all(out());
    fs::remove_all(scratch.path() / "moved");
    auto o = best_options();
    o.args.save_total_limit = 1;
    o.async_save = async_save;
    at_save->saved = [&](std::int64_t step) {
      if (step == 4) fs::rename(out("checkpoint-2"), scratch.path() / "moved");
    };
    Trainer trainer(std::move(o));
    trainer.train();
    EXPECT_FALSE(trainer.state().best_model_checkpoint);
    EXPECT_THAT(left(), ElementsAre("checkpoint-6"));
    EXPECT_THAT(lines, HasSubstr("it is forgotten"));
  }
}

TEST_F(CheckpointTest, ABestElsewhereDoesNotEmptyTheDirectory) {
  auto first = best_options();
  first.args.max_steps = 2;
  first.args.output_dir = (scratch.path() / "first").string();
  train(std::move(first));
  auto o = best_options();
  o.args.save_total_limit = 1;
  train(std::move(o), scratch.path() / "first/checkpoint-2");
  EXPECT_THAT(left(), ElementsAre("checkpoint-6"));
}

TEST_F(CheckpointTest, ADamagedBestIsToldAndTheLastModelStays) {
  auto o = best_options();
  at_save->saved = [&](std::int64_t step) {
    if (step == 6) fs::resize_file(out("checkpoint-2/model.safetensors"), 20);
  };
  Trainer trainer(std::move(o));
  trainer.train();
  EXPECT_FALSE(trainer.state().best_model_checkpoint);
  EXPECT_THAT(lines, HasSubstr("checkpoint-2/model.safetensors has 20 bytes"));
}

TEST_F(CheckpointTest, OnlyNamesThatThisProgramMakesAreCleaned) {
  const std::set<std::string> users{".checkpoint-notes",  ".checkpoint-2", ".checkpoint-2.tmp.bak", ".checkpoint-x.tmp",
                                    ".checkpoint-02.tmp", "checkpoint-01", "checkpoint-best",       "checkpoint-2.old"};
  for (const auto& name : users) fs::create_directories(out(name) / "inside");
  fs::create_directories(out(".checkpoint-2.tmp"));              // of a save that was killed
  fs::create_directories(out(".checkpoint-900.tmp.old/whole"));  // and of one between two renames
  fs::create_directory_symlink(scratch.path(), out(".checkpoint-3.tmp"));
  fs::create_directory_symlink(scratch.path(), out("checkpoint-1"));
  auto o = options();
  o.args.save_total_limit = 1;
  train(std::move(o));
  auto expected = users;
  expected.insert({"checkpoint-6", ".checkpoint-3.tmp", "checkpoint-1", "checkpoint-900"});
  EXPECT_EQ(left(), expected);
  EXPECT_TRUE(fs::exists(out("checkpoint-900/whole")));
}

TEST_F(CheckpointTest, EachChangedByteIsNoticed) {
  train(options());
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(out("checkpoint-6"))) names.insert(entry.path().filename().string());
  EXPECT_THAT(names,
              UnorderedElementsAre("checkpoint.json", "model.safetensors", "optimizer.pt", "rng_state.safetensors",
                                   "scheduler.pt", "trainer_state.json", "training_args.json"));
  for (const auto& name : names) {
    const fs::path file = out("checkpoint-6") / name;
    const std::string whole = test::contents(file);
    std::vector<std::string> changed{whole + " ", whole.substr(0, whole.size() / 2)};
    for (const std::size_t part : {0, 1, 2}) {
      changed.push_back(whole);
      changed.back()[part * (whole.size() - 1) / 2] ^= 0x04;
    }
    for (const auto& bytes : changed) {
      test::write(file, bytes);
      EXPECT_THAT(error_of(options(), out("checkpoint-6")),
                  AllOf(HasSubstr((out("checkpoint-6") / name).string()), HasSubstr("[checkpoint.damaged]"),
                        HasSubstr("the last good checkpoint is " + out("checkpoint-4").string())));
    }
    fs::remove(file);
    const bool manifest = name == "checkpoint.json";
    EXPECT_THAT(error_of(options(), out("checkpoint-6")), HasSubstr(manifest ? "no error" : name));
    test::write(file, whole);
  }
  test::write(out("checkpoint-6/optimizer.pt"), "?");
  lines.clear();
  EXPECT_EQ(error_of(options(), {}), "no error");
  EXPECT_THAT(lines, HasSubstr("checkpoint-6 is not intact and is skipped: "));
}

TEST_F(CheckpointTest, StatesThatNoRunHasAreRefused) {
  train(options());
  const std::string whole = test::contents(out("checkpoint-4/trainer_state.json"));
  take_identity(4);
  const auto with = [&](const std::string& field, const std::string& value, const std::string& directory) {
    json::object state = json::parse(whole, "state").as_object();
    state.erase(field);
    if (!value.empty()) state.emplace(field, json::parse(value, "value"));
    fs::rename(out("checkpoint-4"), out(directory));
    test::write(out(directory) / "trainer_state.json", json::dump(state));
    const std::string error = error_of(options(), out(directory));
    fs::rename(out(directory), out("checkpoint-4"));
    return error;
  };
  for (const char* value : {"-1", "0", "3", "5", "1000000000000000000", "", "-9223372036854775808"}) {
    EXPECT_THAT(with("global_step", value, "checkpoint-4"),
                AllOf(HasSubstr("global_step"), HasSubstr("checkpoint.damaged")));
  }
  for (const char* value : {"-1", "7", "1000000000000000000", "", "-9223372036854775808"})
    EXPECT_THAT(with("global_step", value, "copy"), HasSubstr("checkpoint.damaged")) << value;
  EXPECT_EQ(with("global_step", "4", "copy"), "no error");
  for (const auto& [field, value] :
       std::vector<std::pair<const char*, const char*>>{{"max_steps", "-1"},
                                                        {"num_train_epochs", "-3"},
                                                        {"num_input_tokens_seen", "-1"},
                                                        {"epoch", "NaN"},
                                                        {"epoch", "-0.5"},
                                                        {"total_flos", "Infinity"},
                                                        {"logging_steps", "NaN"},
                                                        {"eval_steps", "-4"},
                                                        {"save_steps", "-Infinity"},
                                                        {"train_batch_size", "0"},
                                                        {"best_global_step", "5"},
                                                        {"log_history", R"([{"step": 9}])"}})
    EXPECT_THAT(with(field, value, "checkpoint-4"), HasSubstr("checkpoint.damaged")) << field;
}

TEST_F(CheckpointTest, WeightsOfWhichNoNameFitsAreAnError) {
  train(options());
  fs::create_directories(scratch / "other");
  NamedTensors tensors = load_safetensors(out("checkpoint-2/model.safetensors"));
  for (auto& [name, tensor] : tensors) name.insert(0, "model.");
  save_safetensors(scratch / "other/model.safetensors", tensors);
  EXPECT_THAT(error_of(options(), scratch / "other"), HasSubstr("[checkpoint.mismatch]"));
  Trainer trainer(options());
  EXPECT_THROW(trainer.load_model(scratch / "other"), Error);
  save_safetensors(scratch / "other/model.safetensors", {});
  EXPECT_THROW(trainer.load_model(scratch / "other"), Error);
}

TEST_F(CheckpointTest, TheFinalModelIsChecked) {
  Trainer trainer(options());
  trainer.train();
  trainer.save_model(out());
  trainer.save_state();
  trainer.load_model(out());
  std::string bytes = test::contents(out("model.safetensors"));
  bytes.back() ^= 1;
  test::write(out("model.safetensors"), bytes);
  EXPECT_THAT(error_of(options(), out()),
              AllOf(HasSubstr("out/model.safetensors has other bytes"), HasSubstr("checkpoint-6")));
  EXPECT_THROW(trainer.load_model(out()), Error);
  trainer.save_model(out());
  trainer.load_model(out());
}

}  // namespace
