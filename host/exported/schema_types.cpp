// SPDX-License-Identifier: Apache-2.0
#include "exported/schema_types.hpp"

#include <array>

namespace trainer::exported {
namespace {

struct SerializedType {
  std::int64_t number;
  c10::ScalarType type;
};

constexpr std::array<SerializedType, 20> serialized_types{{{1, c10::kByte},
                                                           {2, c10::kChar},
                                                           {3, c10::kShort},
                                                           {4, c10::kInt},
                                                           {5, c10::kLong},
                                                           {6, c10::kHalf},
                                                           {7, c10::kFloat},
                                                           {8, c10::kDouble},
                                                           {9, c10::kComplexHalf},
                                                           {10, c10::kComplexFloat},
                                                           {11, c10::kComplexDouble},
                                                           {12, c10::kBool},
                                                           {13, c10::kBFloat16},
                                                           {28, c10::kUInt16},
                                                           {29, c10::kFloat8_e4m3fn},
                                                           {30, c10::kFloat8_e5m2},
                                                           {31, c10::kFloat8_e4m3fnuz},
                                                           {32, c10::kFloat8_e5m2fnuz},
                                                           {34, c10::kUInt32},
                                                           {35, c10::kUInt64}}};

}  // namespace

c10::ScalarType scalar_type(const ProgramJson& v) {
  const auto number = v.integer();
  for (const auto& [serialized, type] : serialized_types)
    if (serialized == number) return type;
  v.wrong("the number of a type of PyTorch's export schema 8 (found " + std::to_string(number) + ")");
}

c10::Layout layout(const ProgramJson& v) {
  if (v.integer() != 7)
    refuse(v.where() + ": a tensor has the layout " + std::to_string(v.integer()) +
           ", expected 7 (strided); sparse models cannot be trained here");
  return c10::kStrided;
}

c10::MemoryFormat memory_format(const ProgramJson& v) {
  switch (v.integer()) {
    case 1:
      return c10::MemoryFormat::Contiguous;
    case 2:
      return c10::MemoryFormat::ChannelsLast;
    case 3:
      return c10::MemoryFormat::ChannelsLast3d;
    case 4:
      return c10::MemoryFormat::Preserve;
    default:
      v.wrong("a memory format from 1 to 4");
  }
}

}  // namespace trainer::exported
