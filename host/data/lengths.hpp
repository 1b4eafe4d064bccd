// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <vector>

namespace trainer {

/// The lengths of rows that `who` was given, [N] whole numbers, which it wants one after another.
std::vector<std::int64_t> lengths_of_rows(const at::Tensor& lengths, const std::string& who);

/// An Error: `place` has no lengths in `column`.
[[noreturn]] void refuse_lengths(const std::string& place, const std::string& column);

}  // namespace trainer
