// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>

namespace trainer {

/// Whether a contiguous tensor of booleans on the CPU, as it was read from a file, has bytes that are neither 0 nor 1.
inline bool has_bytes_above_1(const at::Tensor& tensor) {
  if (tensor.scalar_type() != at::kBool) return false;
  const auto* first = static_cast<const unsigned char*>(tensor.const_data_ptr());
  return std::any_of(first, first + tensor.nbytes(), [](unsigned char byte) { return byte > 1; });
}

}  // namespace trainer
