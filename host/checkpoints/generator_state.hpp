// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "trainer/safetensors.hpp"

namespace trainer {

/// State of the default generators (CPU, and the GPU in use), a copy.
NamedTensors rng_state();

/// The reverse, from a checkpoint directory; an info line when it holds none.
void load_rng_state(const std::filesystem::path& checkpoint);

}  // namespace trainer
