// SPDX-License-Identifier: Apache-2.0
//
// fp16's gradient scaling, compared with torch.amp.GradScaler and with transformers' Trainer around it
// (recorded/skipped_step.json and skipped_step_fused.json, made by record_skipped_step.py). On a CPU, where the Trainer
// itself uses no scaler.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <limits>

#include "trainer/json.hpp"
#include "trainer/precision.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;

TEST(GradScaler, HalvesAfterAnOverflowAndDoublesAfterManyGoodSteps) {
  GradScaler scaler(at::kCPU);
  const double infinity = std::numeric_limits<double>::infinity();
  const auto step = [&](std::vector<double> gradient) {
    std::vector<at::Tensor> gradients{scaler.scale(torch::tensor(gradient, torch::kFloat))};
    scaler.unscale(gradients);
    const bool good = scaler.step_is_good();
    scaler.update();
    return good;
  };
  // {gradient, whether the optimizer steps, scale and growth tracker after it}, from torch 2.13.0.
  const struct {
    std::vector<double> gradient;
    bool good;
    double scale;
    int tracker;
  } recorded[] = {{{1, 2, -1}, true, 65536, 1},
                  {{1, infinity, 0}, false, 32768, 0},
                  {{0.5, 0.5, 0.5}, true, 32768, 1},
                  {{std::nan(""), 0, 0}, false, 16384, 0},
                  {{2, 0, 1e-3}, true, 16384, 1}};
  for (const auto& row : recorded) {
    EXPECT_EQ(step(row.gradient), row.good);
    EXPECT_EQ(scaler.get_scale(), row.scale);
    EXPECT_EQ(scaler.growth_tracker(), row.tracker);
  }
  for (int i = 0; i < 1998; ++i) step({0});
  EXPECT_EQ(scaler.get_scale(), 16384);
  EXPECT_EQ(scaler.growth_tracker(), 1999);
  step({0});
  EXPECT_EQ(scaler.get_scale(), 32768);
  EXPECT_EQ(scaler.growth_tracker(), 0);
}

// A Trainer with the scaler that it would have on a GPU.
struct ScaledTrainer : Trainer {
  using Trainer::Trainer;
  std::unique_ptr<GradScaler> create_scaler() override {
    auto made = std::make_unique<GradScaler>(at::kCPU);
    scaler = made.get();
    return made;
  }
  const GradScaler* scaler = nullptr;
};

struct Weights : TrainerCallback {
  void on_optimizer_step(CallbackContext&) override {
    weights.push_back(net->parameters()[0].detach().clone());
    biases.push_back(net->parameters()[1].detach().clone());
  }
  torch::nn::Sequential net{nullptr};
  std::vector<at::Tensor> weights, biases;
};

at::Tensor tensor_of(const json::value& rows) {
  std::vector<float> values;
  std::int64_t width = 0;
  for (const auto& row : rows.as_array()) {
    width = static_cast<std::int64_t>(row.as_array().size());
    for (const auto& v : row.as_array()) values.push_back(static_cast<float>(v.to_number<double>()));
  }
  return torch::tensor(values).view({-1, width});
}

void compare_with(const char* file, const char* optim) {
  const json::object recorded =
      json::parse_file(std::string(TRAINER_SOURCE_DIR "/tests/host/recorded/") + file).as_object();

  torch::nn::Sequential net(torch::nn::Linear(2, 1));
  {
    const at::NoGradGuard no_grad;
    net->parameters()[0].copy_(torch::tensor({{0.5f, -0.5f}}));
    net->parameters()[1].fill_(0.125f);
  }
  auto seen = std::make_shared<Weights>();
  seen->net = net;
  const auto dir = std::filesystem::temp_directory_path() / ("skipped_step_" + std::to_string(::getpid()));
  TrainerOptions options;
  options.model = supervised(net, mse_loss);
  options.train_dataset =
      std::make_shared<TensorDataset>(tensor_of(recorded.at("features")), tensor_of(recorded.at("labels")));
  options.callbacks = {seen};
  options.args.output_dir = dir.string();
  options.args.report_to = {};
  options.args.use_cpu = true;
  options.args.disable_tqdm = true;
  options.args.save_strategy = "no";
  options.args.per_device_train_batch_size = 1;
  options.args.num_train_epochs = Number(1);
  options.args.learning_rate = 0.1;
  options.args.optim = optim;
  options.args.train_sampling_strategy = "sequential";
  options.args.logging_steps = Number(1);
  options.quiet = true;
  ScaledTrainer trainer(std::move(options));
  trainer.train();
  std::filesystem::remove_all(dir);

  EXPECT_EQ(trainer.state().global_step, recorded.at("global_step").as_int64());
  EXPECT_EQ(trainer.scaler->get_scale(), recorded.at("scale").to_number<double>());
  EXPECT_EQ(trainer.scaler->growth_tracker(), recorded.at("growth_tracker").as_int64());
  const auto& logs = recorded.at("logs").as_array();
  ASSERT_EQ(trainer.state().log_history.size(), logs.size() + 1);
  for (std::size_t i = 0; i < logs.size(); ++i)
    for (const auto& entry : logs[i].as_object()) {
      const double expected = entry.value().to_number<double>();
      const double found = trainer.state().log_history[i].at(entry.key()).to_number<double>();
      if (std::isinf(expected))
        EXPECT_EQ(found, expected) << "step " << i + 1 << " " << entry.key();
      else
        EXPECT_NEAR(found, expected, 1e-6 + 1e-5 * std::abs(expected)) << "step " << i + 1 << " " << entry.key();
    }
  const auto& steps = recorded.at("steps").as_array();
  ASSERT_EQ(seen->weights.size(), steps.size());
  for (std::size_t i = 0; i < steps.size(); ++i) {
    EXPECT_TRUE(torch::allclose(seen->weights[i], tensor_of(steps[i].at("weight")), 1e-5, 1e-6)) << i;
    EXPECT_TRUE(torch::allclose(seen->biases[i], tensor_of(json::array{steps[i].at("bias")})[0], 1e-5, 1e-6)) << i;
  }
}

TEST(SkippedStep, IsSeenAsInTransformers) { compare_with("skipped_step.json", "sgd"); }

// The kernel is told of the overflow, and nobody else asks: the schedule goes on.
TEST(SkippedStep, OfAFusedOptimizerIsSeenAsInTransformers) {
  compare_with("skipped_step_fused.json", "adamw_torch_fused");
}

TEST(SkippedStep, OnlyAFusedKernelSkipsByItself) {
  for (const auto& [optim, fused] : {std::pair("adamw_torch_fused", true), {"adamw_torch", false}, {"sgd", false}}) {
    at::Tensor parameter = torch::ones({2}).requires_grad_();
    const auto optimizer = make_optimizer(optim, parameter_groups({{"weight", parameter}}, 0.0), OptimizerSettings{});
    parameter.mutable_grad() = torch::ones({2});
    EXPECT_EQ(optimizer->step_unless(torch::ones({})), fused) << optim;
    EXPECT_TRUE(parameter.equal(torch::ones({2}))) << optim;
    EXPECT_EQ(optimizer->step_unless(torch::zeros({})), fused) << optim;
    EXPECT_EQ(parameter.equal(torch::ones({2})), !fused) << optim;
  }
}

}  // namespace
