// SPDX-License-Identifier: Apache-2.0
#include "trainer/device.hpp"

#include <ATen/Context.h>
#include <torch/cuda.h>

#include "base/process.hpp"
#include "trainer/error.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

at::Device choose_device(const TrainingArguments& args) {
  return !args.use_cpu && torch::cuda::is_available() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
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
