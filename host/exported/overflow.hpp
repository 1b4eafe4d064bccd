// SPDX-License-Identifier: Apache-2.0
//
// Sums and products of whole numbers of 64 bits, and whether they are right; every compiler has these.
#pragma once

#include <cstdint>
#include <limits>

namespace trainer {

inline bool add_overflows(std::int64_t a, std::int64_t b, std::int64_t* out) {
  *out = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
  return (a < 0) == (b < 0) && (a < 0) != (*out < 0);
}

inline bool sub_overflows(std::int64_t a, std::int64_t b, std::int64_t* out) {
  *out = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
  return (a < 0) != (b < 0) && (a < 0) != (*out < 0);
}

inline bool mul_overflows(std::int64_t a, std::int64_t b, std::int64_t* out) {
  constexpr std::int64_t lowest = std::numeric_limits<std::int64_t>::min();
  *out = static_cast<std::int64_t>(static_cast<std::uint64_t>(a) * static_cast<std::uint64_t>(b));
  if (a == 0) return false;
  return (a == -1 && b == lowest) || (b == -1 && a == lowest) || *out / a != b;
}

}  // namespace trainer
