// SPDX-License-Identifier: Apache-2.0
//
// Losses that are NaN or infinite are told, once, and end a run that asks for it.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include <cmath>
#include <filesystem>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;
using testing::HasSubstr;
namespace fs = std::filesystem;

struct NotFiniteTest : testing::Test {
  NotFiniteTest() {
    log::set_sink([this](log::Level level, std::string_view text) {
      if (level >= log::Level::warning) warnings.emplace_back(text);
    });
    auto x = torch::ones({10, 3});
    auto y = torch::ones({10, 1});
    y[4] = std::nan("");
    y[8] = INFINITY;
    data = std::make_shared<TensorDataset>(x, y);
    options.model = supervised(net, mse_loss);
    options.args.output_dir = dir.string();
    options.args.report_to = {};
    options.args.num_train_epochs = 1;
    options.args.per_device_train_batch_size = options.args.per_device_eval_batch_size = 2;
    options.args.train_sampling_strategy = "sequential";
    options.args.save_strategy = "no";
    options.args.use_cpu = true;
    options.args.disable_tqdm = true;
    options.quiet = true;
    options.train_dataset = data;
  }
  ~NotFiniteTest() override { log::set_sink({}); }
  test::ScratchDirectory scratch;
  const fs::path dir = scratch.path();
  std::vector<std::string> warnings;
  torch::nn::Linear net{3, 1};
  std::shared_ptr<Dataset> data;
  TrainerOptions options;
};

TEST_F(NotFiniteTest, OneWarningNamesTheStep) {
  for (const bool filter : {true, false}) {
    warnings.clear();
    net->reset_parameters();
    auto o = options;
    o.args.logging_nan_inf_filter = filter;
    EXPECT_EQ(Trainer(std::move(o)).train().global_step, 5);
    ASSERT_EQ(warnings.size(), 1u);
    EXPECT_THAT(warnings[0], HasSubstr("the loss of step 3 is NaN or infinite"));
    EXPECT_EQ(warnings[0].find("logging_nan_inf_filter") != std::string::npos, filter);
  }
}

TEST_F(NotFiniteTest, ARunEndsThereIfItIsToldTo) {
  options.terminate_on_nan = true;
  Trainer trainer{TrainerOptions(options)};
  try {
    trainer.train();
    FAIL();
  } catch (const Error& e) {
    EXPECT_STREQ(e.id().text, "loss.not-finite");
    EXPECT_THAT(e.what(), HasSubstr("the loss of step 3 is NaN or infinite"));
  }
  EXPECT_EQ(trainer.state().global_step, 2);
  EXPECT_TRUE(at::isfinite(net->weight).all().item<bool>()) << "the update of that step is not made";
}

TEST_F(NotFiniteTest, AnEvaluationsLossesAreTold) {
  Trainer trainer{TrainerOptions(options)};
  trainer.evaluate(data);
  trainer.evaluate(data);
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("the loss of 2 of 5 batches of an evaluation is NaN or infinite"));
}

TEST_F(NotFiniteTest, AnEvaluationWithoutABatchIsTold) {
  Trainer trainer{TrainerOptions(options)};
  trainer.evaluate(std::make_shared<TensorDataset>(torch::zeros({0, 3}), torch::zeros({0, 1})));
  ASSERT_EQ(warnings.size(), 1u);
  EXPECT_THAT(warnings[0], HasSubstr("eval: the dataset of 0 rows gives no batch"));
}

}  // namespace
