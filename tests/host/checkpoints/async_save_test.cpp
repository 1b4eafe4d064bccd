// SPDX-License-Identifier: Apache-2.0
//
// async_save: the same checkpoints, their events in order, and errors where the training is.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <atomic>
#include <future>
#include <map>
#include <set>

#include "checkpoints/checkpoint_writer.hpp"
#include "support/scratch_directory.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::ElementsAre;
using testing::HasSubstr;
namespace fs = std::filesystem;

// Relative paths and contents of all files below a directory.
std::map<std::string, std::string> files_below(const fs::path& root) {
  std::map<std::string, std::string> out;
  for (const auto& entry : fs::recursive_directory_iterator(root))
    if (entry.is_regular_file())
      out.emplace(entry.path().lexically_relative(root).string(), test::contents(entry.path()));
  return out;
}

// What happens, and whether the checkpoint of an on_save is there.
struct Watch : TrainerCallback {
  void on_step_end(CallbackContext& context) override {
    EXPECT_EQ(context.state.global_step, ++steps);
    if (context.state.global_step == throw_at) throw std::runtime_error("enough");
  }
  void on_save(CallbackContext& context) override {
    saves.push_back(context.state.global_step);
    EXPECT_GE(steps, context.state.global_step);
    EXPECT_NEAR(context.state.epoch, static_cast<double>(context.state.global_step) / 3, 1e-12);
    const auto checkpoint =
        fs::path(context.args.output_dir) / ("checkpoint-" + std::to_string(context.state.global_step));
    EXPECT_TRUE(fs::exists(checkpoint / "trainer_state.json")) << checkpoint;
    if (saved) saved(checkpoint);
  }
  void on_train_end(CallbackContext& context) override {
    EXPECT_EQ(context.state.global_step, steps);
    saves_at_end = saves.size();
  }
  std::int64_t steps = 0, throw_at = 0;
  std::vector<std::int64_t> saves;
  std::size_t saves_at_end = 0;
  std::function<void(const fs::path&)> saved;
};

struct AsyncSave : testing::Test {
  AsyncSave() {
    log::set_sink([this](log::Level, std::string_view line) { lines += std::string(line) + "\n"; });
  }
  ~AsyncSave() override { log::set_sink({}); }

  TrainerOptions options(bool async_save = true) {
    torch::manual_seed(0);
    const auto x = torch::randn({12, 3});
    TrainerOptions o;
    net = torch::nn::Sequential(torch::nn::Linear(3, 8), torch::nn::Dropout(0.5), torch::nn::Linear(8, 1));
    o.model = supervised(net, mse_loss);
    o.train_dataset = std::make_shared<TensorDataset>(x, x.sum(1, true));
    o.args.output_dir = (scratch.path() / "out").string();
    o.args.report_to = {};
    o.args.max_steps = 7;
    o.args.per_device_train_batch_size = 4;
    o.args.learning_rate = 0.1;
    o.args.logging_steps = 1;
    o.args.save_strategy = "steps";
    o.args.save_steps = 2;
    o.args.use_cpu = true;
    o.args.disable_tqdm = true;
    o.quiet = true;
    o.async_save = async_save;
    o.callbacks = {watch};
    return o;
  }
  fs::path out(const std::string& name = "") { return scratch.path() / "out" / name; }
  std::string error_of(Trainer& trainer) {
    try {
      trainer.train();
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }

  test::ScratchDirectory scratch;
  torch::nn::Sequential net{nullptr};
  std::shared_ptr<Watch> watch = std::make_shared<Watch>();
  std::string lines;
};

TEST_F(AsyncSave, WritesTheSameBytes) {
  // With a limit some or all of the history that the checkpoint before had is gone.
  const std::vector<std::pair<const char*, std::optional<std::int64_t>>> cases{
      {"adamw_torch_fused", {}}, {"adafactor", 3}, {"sgd", 1}};
  for (const auto& [optimizer, limit] : cases) {
    std::map<std::string, std::string> written[2];
    for (const bool async_save : {false, true}) {
      auto o = options(async_save);
      o.args.optim = optimizer;
      o.args.save_total_limit = 2;
      o.log_history_limit = limit;
      o.callbacks.clear();
      Trainer(std::move(o)).train();
      written[async_save] = files_below(out());
      fs::remove_all(out());
    }
    std::set<std::string> names[2];
    for (int i : {0, 1})
      for (const auto& file : written[i]) names[i].insert(file.first);
    EXPECT_EQ(names[0], names[1]);
    EXPECT_EQ(names[0].count("checkpoint-6/optimizer.pt"), 1u);
    EXPECT_EQ(names[0].count("checkpoint-2/optimizer.pt"), 0u) << "save_total_limit";
    for (const auto& [name, bytes] : written[0]) {
      if (name.ends_with("checkpoint.json")) continue;  // it says which run it was
      EXPECT_TRUE(written[1][name] == bytes) << optimizer << ": " << name;
    }
  }
}

TEST_F(AsyncSave, FiresOnSaveInOrderAndBeforeTheEnd) {
  auto o = options();
  o.args.save_steps = 1;
  Trainer(std::move(o)).train();
  EXPECT_THAT(watch->saves, ElementsAre(1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(watch->saves_at_end, 7u);
}

TEST_F(AsyncSave, ResumedRunEndsWithTheSameBits) {
  auto weights = [&] {
    std::vector<at::Tensor> tensors;
    for (const auto& p : net->parameters()) tensors.push_back(p.detach().clone());
    return tensors;
  };
  Trainer(options()).train();
  const auto whole = weights();
  fs::remove_all(out("checkpoint-6"));
  fs::remove_all(out("checkpoint-7"));
  watch->steps = 4;
  Trainer resumed(options());
  resumed.train(fs::path{});
  EXPECT_EQ(watch->steps, 7);
  const auto again = weights();
  for (std::size_t i = 0; i < whole.size(); ++i) EXPECT_TRUE(at::equal(whole[i], again[i])) << i;
}

TEST_F(AsyncSave, AFailedWriteEndsTheTraining) {
  auto o = options();
  fs::create_directories(out());
  test::write(out("checkpoint-2"), "a file where the directory must go");
  Trainer trainer(std::move(o));
  EXPECT_THAT(error_of(trainer), HasSubstr("checkpoint-2"));
  EXPECT_TRUE(watch->saves.empty());
  EXPECT_LE(watch->steps, 4) << "the second save waits for the first";
  EXPECT_FALSE(fs::exists(out(".checkpoint-2.tmp")));
}

TEST_F(AsyncSave, AFailedLastWriteIsToldToo) {
  auto o = options();
  o.args.save_steps = 7;
  fs::create_directories(out());
  test::write(out("checkpoint-7"), "a file where the directory must go");
  Trainer trainer(std::move(o));
  EXPECT_THAT(error_of(trainer), HasSubstr("checkpoint-7"));
  EXPECT_EQ(watch->steps, 7);
}

TEST_F(AsyncSave, AnExceptionLeavesWholeCheckpoints) {
  auto o = options();
  watch->throw_at = 3;
  Trainer trainer(std::move(o));
  EXPECT_THAT(error_of(trainer), HasSubstr("enough"));
  EXPECT_TRUE(fs::exists(out("checkpoint-2/trainer_state.json")));

  // Its own failure does not hide the exception.
  fs::remove_all(out());
  watch = std::make_shared<Watch>();
  watch->throw_at = 3;
  auto second = options();
  fs::create_directories(out());
  test::write(out("checkpoint-2"), "a file where the directory must go");
  Trainer failing(std::move(second));
  const std::string message = error_of(failing);
  if (message.find("enough") != std::string::npos)  // else the write was over within step 2
    EXPECT_THAT(lines, HasSubstr("is lost: "));
  else
    EXPECT_THAT(message, HasSubstr("checkpoint-2"));
}

TEST_F(AsyncSave, ARequestedStopSaves) {
  auto o = options();
  o.args.save_strategy = "no";
  Trainer trainer(std::move(o));
  trainer.request_stop();
  EXPECT_EQ(trainer.train().global_step, 1);
  EXPECT_THAT(watch->saves, ElementsAre(1));
}

TEST_F(AsyncSave, TheBestModelIsLoadedAtTheEnd) {
  auto o = options();
  o.eval_dataset = o.train_dataset;
  o.args.eval_strategy = "steps";
  o.args.eval_steps = o.args.save_steps = 1;
  o.args.load_best_model_at_end = true;
  o.args.save_total_limit = 1;
  Trainer trainer(std::move(o));
  trainer.train();
  ASSERT_TRUE(trainer.state().best_model_checkpoint);
  const fs::path best = *trainer.state().best_model_checkpoint;
  EXPECT_EQ(best.filename(), "checkpoint-" + std::to_string(*trainer.state().best_global_step));
  std::vector<std::string> left;
  for (const auto& entry : fs::directory_iterator(out()))
    if (entry.is_directory()) left.push_back(entry.path().filename().string());
  EXPECT_THAT(left, ElementsAre(best.filename().string()));
  trainer.save_model(scratch.path() / "final");
  EXPECT_EQ(test::contents(scratch.path() / "final/model.safetensors"), test::contents(best / "model.safetensors"));
}

// The model has gone on when its on_save comes; what a plugin asks for is the one that was saved.
TEST_F(AsyncSave, PluginsGetTheSavedModel) {
  struct Own : Trainer {
    using Trainer::Trainer;
    void give(const fs::path& to) { save_model_for_plugin(to); }
  };
  Own* trainer = nullptr;
  watch->saved = [&](const fs::path& checkpoint) {
    trainer->give(scratch.path() / "given");
    EXPECT_EQ(test::contents(scratch.path() / "given/model.safetensors"),
              test::contents(checkpoint / "model.safetensors"));
  };
  Own own(options());
  trainer = &own;
  own.train();
  EXPECT_THAT(watch->saves, ElementsAre(2, 4, 6, 7));
}

TEST(CheckpointWriter, RunsBesideItsCallerAndGivesErrorsBack) {
  CheckpointWriter writer;
  EXPECT_FALSE(writer.pending());
  std::promise<void> go;
  std::atomic<bool> done{false};
  writer.start([&] {
    go.get_future().wait();
    done = true;
  });
  EXPECT_TRUE(writer.pending());
  EXPECT_FALSE(writer.finished());
  go.set_value();
  writer.wait();
  EXPECT_TRUE(done);
  EXPECT_FALSE(writer.pending());
  writer.start([] { throw std::runtime_error("full"); });
  EXPECT_THROW(writer.wait(), std::runtime_error);
  writer.start([] {});
  writer.wait();
  EXPECT_FALSE(writer.finished());
}

}  // namespace
