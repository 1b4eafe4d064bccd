// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include "formats/safetensors_header.hpp"

namespace trainer::safetensors {

/// LibTorch's names for `types`.
constexpr std::array<c10::ScalarType, types.size()> scalar_types{c10::kBool,   c10::kByte,     c10::kChar, c10::kShort,
                                                                 c10::kHalf,   c10::kBFloat16, c10::kInt,  c10::kFloat,
                                                                 c10::kDouble, c10::kLong};

}  // namespace trainer::safetensors
