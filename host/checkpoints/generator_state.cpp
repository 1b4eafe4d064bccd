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

std::vector<NamedTensors> rng_states(ProcessGroup& group, const at::Tensor& at_epoch) {
  const NamedTensors own = rng_state(at_epoch);
  if (group.alone()) return {own};
  std::vector<NamedTensors> all(static_cast<std::size_t>(group.world()));
  for (const auto& [name, tensor] : own) {
    const at::Tensor of_all = group.all_gather(tensor.unsqueeze(0));
    for (std::size_t rank = 0; rank < all.size(); ++rank)
      all[rank].emplace_back(name, of_all[static_cast<std::int64_t>(rank)]);
  }
  return all;
}

void load_rng_state(const std::filesystem::path& checkpoint, const Ranks& ranks) {
  const std::filesystem::path path = checkpoint / rng_file(ranks.rank, ranks.world);
  if (!std::filesystem::exists(path))
    return log::info(checkpoint.string() + " holds no generator state of this program" +
                     (ranks.alone() ? "" : " for rank " + std::to_string(ranks.rank)) +
                     "; dropout will not repeat exactly");
  for (const auto& [name, tensor] : load_safetensors(path)) {
    if (name == "cpu") {
      set_cpu_state(tensor);
    } else if (name == "cuda" && at::hasCUDA()) {
      auto generator = at::globalContext().defaultGenerator(at::kCUDA);
      generator.set_state(tensor);
    }
  }
}

bool load_rng_state_at_epoch(const std::filesystem::path& checkpoint, const Ranks& ranks) {
  const std::filesystem::path path = checkpoint / rng_file(ranks.rank, ranks.world);
  if (!std::filesystem::exists(path)) return false;
  for (const auto& [name, tensor] : load_safetensors(path)) {
    if (name != at_epoch_name) continue;
    set_cpu_state(tensor);
    return true;
  }
  return false;
}

}  // namespace trainer
