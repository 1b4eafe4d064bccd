// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

namespace trainer {

/// numpy.random.default_rng(seed).permutation(count), for up to 2^32 numbers.
std::vector<std::int64_t> numpy_permutation(std::uint64_t seed, std::int64_t count);

}  // namespace trainer
