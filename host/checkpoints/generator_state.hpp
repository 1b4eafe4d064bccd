// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "ranks/process_group.hpp"
#include "trainer/safetensors.hpp"

namespace trainer {

/// State of the default generators (CPU, and the GPU in use), a copy; and `at_epoch`, where it is defined: that of the
/// CPU's when the epoch began, from which a sampler may have drawn the epoch's order.
NamedTensors rng_state(const at::Tensor& at_epoch = {});
at::Tensor cpu_rng_state();  ///< a copy

/// rng_state() of each rank.
std::vector<NamedTensors> rng_states(ProcessGroup& group, const at::Tensor& at_epoch = {});

/// The reverse, from a checkpoint directory; an info line when it holds none of this rank.
void load_rng_state(const std::filesystem::path& checkpoint, const Ranks& ranks);

/// The CPU's as it was at the begin of the checkpoint's epoch; false when the checkpoint does not hold it.
bool load_rng_state_at_epoch(const std::filesystem::path& checkpoint, const Ranks& ranks);

}  // namespace trainer
