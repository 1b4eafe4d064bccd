// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <optional>
#include <string>

#include "trainer/json.hpp"

namespace trainer {

/// A number, or nested lists of numbers, as a tensor. `type`, that of the column, is int64, float32 or bool; when
/// nothing is known it is set to that of these numbers, whole ones int64, unless there are none. What is no such value
/// is a usage Error data.invalid that starts with where().
at::Tensor json_tensor(const json::value& value, std::optional<at::ScalarType>& type,
                       const std::function<std::string()>& where);

}  // namespace trainer
