// SPDX-License-Identifier: Apache-2.0
#include "trainer/device.hpp"

#include <ATen/Context.h>
#include <c10/core/impl/DeviceGuardImplInterface.h>
#include <torch/cuda.h>

#include <cstdlib>
#include <string>

#include "base/process.hpp"
#include "ranks/process_group.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

at::Device gpu_of(const Ranks& ranks, int gpus) {
  if (ranks.local_world > gpus)
    throw_usage(error_id::ranks_environment_invalid,
                std::to_string(ranks.local_world) + " ranks share " + host_name() + ", which has " +
                    std::to_string(gpus) + (gpus == 1 ? " GPU" : " GPUs") +
                    ", and each needs one of its own; start fewer there, or set use_cpu");
  return at::Device(at::kCUDA, static_cast<at::DeviceIndex>(ranks.local_rank));
}

at::Device choose_device(const TrainingArguments& args, const Ranks& ranks) {
  if (args.use_cpu || !torch::cuda::is_available()) return at::Device(at::kCPU);
  const at::Device device = gpu_of(ranks, static_cast<int>(torch::cuda::device_count()));
  if (!ranks.alone()) c10::impl::getDeviceGuardImpl(at::kCUDA)->setDevice(device);
  return device;
}

std::shared_ptr<ProcessGroup> group_of(const TrainingArguments& args, const at::Device& device) {
  return process_group({.gpu = !device.is_cpu(),
                        .backend = args.ddp_backend.value_or(""),
                        .timeout = std::chrono::seconds(args.ddp_timeout)});
}

void apply_global_settings(const TrainingArguments& args, const at::Device& device) {
  auto& context = at::globalContext();
  if (args.full_determinism) {
    // As in transformers; cuBLAS reads it when it is first used, and LibTorch refuses its products without it.
    set_variable("CUBLAS_WORKSPACE_CONFIG", ":16:8");
    context.setDeterministicAlgorithms(true, false);
    context.setDeterministicCuDNN(true);
    context.setBenchmarkCuDNN(false);
  }
  if (args.tf32) {
    if (*args.tf32 && device.is_cpu())
      throw_usage(error_id::arguments_invalid,
                  "args.tf32 needs an Ampere or newer GPU, and none is used; leave it unset");
    context.setAllowTF32CuBLAS(*args.tf32);
    context.setAllowTF32CuDNN(*args.tf32);
  }
}

}  // namespace trainer
