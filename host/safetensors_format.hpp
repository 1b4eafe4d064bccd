// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <c10/core/ScalarType.h>

#include <array>
#include <cstdint>
#include <string>

namespace trainer::safetensors {

struct Type {
  const char* name;  ///< in the file
  c10::ScalarType scalar;
};

/// In the order by which the safetensors package sorts tensors before it looks at names; the last
/// type comes first in a file.
constexpr std::array<Type, 10> types{{{"BOOL", c10::kBool},
                                      {"U8", c10::kByte},
                                      {"I8", c10::kChar},
                                      {"I16", c10::kShort},
                                      {"F16", c10::kHalf},
                                      {"BF16", c10::kBFloat16},
                                      {"I32", c10::kInt},
                                      {"F32", c10::kFloat},
                                      {"F64", c10::kDouble},
                                      {"I64", c10::kLong}}};

inline std::string type_names() {
  std::string out;
  for (const Type& type : types) out += (out.empty() ? "" : ", ") + std::string(type.name);
  return out;
}

/// Bytes; the package refuses longer headers.
constexpr std::uint64_t max_header = 100'000'000;

}  // namespace trainer::safetensors
