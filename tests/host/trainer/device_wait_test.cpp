// SPDX-License-Identifier: Apache-2.0
//
// Nothing waits for the device unless a log needs a number. Two ways to see it without one: tensors of the device
// "meta" have no data, so that reading one is an error; and LibTorch tells of each read of a tensor's number.
#include <ATen/record_function.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "support/scratch_directory.hpp"
#include "trainer/log.hpp"
#include "trainer/loss_sum.hpp"
#include "trainer/trainer.hpp"

namespace {

using namespace trainer;

TEST(DeviceWait, TheLossIsSummedWhereItIs) {
  const at::Tensor loss = at::empty({}, at::TensorOptions(at::kMeta));
  EXPECT_ANY_THROW(loss.item<float>()) << "or this test would see nothing";
  LossSum sum(at::kMeta);
  sum.add(loss, false, 3, 4);
  EXPECT_EQ(sum.bad_step(false), std::nullopt);
  EXPECT_ANY_THROW(sum.bad_step(true));
  sum.clear();
  EXPECT_ANY_THROW(sum.value());
}

TEST(DeviceWait, TheNormIsComputedAndAppliedWhereItIs) {
  const std::vector<at::Tensor> grads{at::empty({3, 2}, at::TensorOptions(at::kMeta)),
                                      at::empty({3}, at::TensorOptions(at::kMeta))};
  EXPECT_TRUE(clip_grad_norm(grads, 1.0).is_meta());
}

TEST(DeviceWait, OptimizersReadNothing) {
  for (const char* name : {"adamw_torch", "sgd", "rmsprop"}) {
    at::Tensor parameter = at::empty({4, 2}, at::TensorOptions(at::kMeta)).requires_grad_();
    const auto optimizer = make_optimizer(name, parameter_groups({{"weight", parameter}}, 0.01), OptimizerSettings{});
    for (int step = 0; step < 2; ++step) {
      parameter.mutable_grad() = at::empty({4, 2}, at::TensorOptions(at::kMeta));
      EXPECT_NO_THROW(optimizer->step()) << name;
    }
  }
}

std::int64_t reads = 0;

std::unique_ptr<at::ObserverContext> count_read(const at::RecordFunction& function) {
  if (std::string_view(function.name()) == "aten::_local_scalar_dense") ++reads;
  return nullptr;
}

// Reads within each step, the block after it included, but for the one that sums a CPU's loss.
struct Reads : TrainerCallback {
  void on_step_begin(CallbackContext& context) override {
    if (context.state.global_step > 0) in_step.push_back(reads - at_begin - 1);
    at_begin = reads;
  }
  std::int64_t at_begin = 0;
  std::vector<std::int64_t> in_step;
};

TEST(DeviceWait, AStepReadsNothingUnlessItLogs) {
  const test::ScratchDirectory scratch;
  log::set_sink([](log::Level, std::string_view) {});
  torch::manual_seed(0);
  const auto x = torch::randn({32, 3});
  const auto seen = std::make_shared<Reads>();
  TrainerOptions options;
  options.model = supervised(torch::nn::Sequential(torch::nn::Linear(3, 1)), mse_loss);
  options.train_dataset = std::make_shared<TensorDataset>(x, x.sum(1, true));
  options.args.output_dir = (scratch / "out").string();
  options.args.report_to = {};
  options.args.max_steps = 11;
  options.args.logging_steps = 5;
  options.args.per_device_train_batch_size = 4;
  options.args.optim = "sgd";  // AdamW's fused kernel for CPUs reads its counters, which are there
  options.args.save_strategy = "no";
  options.args.use_cpu = true;
  options.args.disable_tqdm = true;
  options.quiet = true;
  options.callbacks = {seen};
  Trainer trainer(std::move(options));
  const auto handle = at::addGlobalCallback(at::RecordFunctionCallback(count_read).scopes({at::RecordScope::FUNCTION}));
  trainer.train();
  at::removeCallback(handle);
  log::set_sink({});
  const std::vector<std::int64_t> expected{0, 0, 0, 0, 1, 0, 0, 0, 0, 1};
  EXPECT_EQ(seen->in_step, expected) << "a log reads the norm; its loss is read already";
}

}  // namespace
