// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/generator_state.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "state/checkpoint_names.hpp"
#include "trainer/log.hpp"

namespace trainer {

namespace {

constexpr const char* at_epoch_name = "cpu_at_epoch_begin";

void set_cpu_state(const at::Tensor& state) {
  auto generator = at::detail::getDefaultCPUGenerator();
  generator.set_state(state);
}

}  // namespace

at::Tensor cpu_rng_state() { return at::detail::getDefaultCPUGenerator().get_state(); }

NamedTensors rng_state(const at::Tensor& at_epoch) {
  NamedTensors tensors{{"cpu", cpu_rng_state()}};
  if (at_epoch.defined()) tensors.emplace_back(at_epoch_name, at_epoch);
  if (at::hasCUDA()) tensors.emplace_back("cuda", at::globalContext().defaultGenerator(at::kCUDA).get_state());
  return tensors;
}

void load_rng_state(const std::filesystem::path& checkpoint) {
  const std::filesystem::path path = checkpoint / rng_file;
  if (!std::filesystem::exists(path))
    return log::info(checkpoint.string() +
                     " holds no generator state of this program; dropout will not repeat exactly");
  for (const auto& [name, tensor] : load_safetensors(path)) {
    if (name == "cpu") {
      set_cpu_state(tensor);
    } else if (name == "cuda" && at::hasCUDA()) {
      auto generator = at::globalContext().defaultGenerator(at::kCUDA);
      generator.set_state(tensor);
    }
  }
}

bool load_rng_state_at_epoch(const std::filesystem::path& checkpoint) {
  if (!std::filesystem::exists(checkpoint / rng_file)) return false;
  for (const auto& [name, tensor] : load_safetensors(checkpoint / rng_file)) {
    if (name != at_epoch_name) continue;
    set_cpu_state(tensor);
    return true;
  }
  return false;
}

}  // namespace trainer
