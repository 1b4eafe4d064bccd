// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/generator_state.hpp"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "state/checkpoint_names.hpp"
#include "trainer/log.hpp"

namespace trainer {

NamedTensors rng_state() {
  NamedTensors tensors{{"cpu", at::detail::getDefaultCPUGenerator().get_state()}};
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
      auto generator = at::detail::getDefaultCPUGenerator();
      generator.set_state(tensor);
    } else if (name == "cuda" && at::hasCUDA()) {
      auto generator = at::globalContext().defaultGenerator(at::kCUDA);
      generator.set_state(tensor);
    }
  }
}

}  // namespace trainer
