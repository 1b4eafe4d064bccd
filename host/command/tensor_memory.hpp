// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace trainer::command {

/// The most bytes that tensors held at a time while `work` ran, beyond those that were there before; on any device.
std::int64_t peak_tensor_memory(const std::function<void()>& work);

}  // namespace trainer::command
