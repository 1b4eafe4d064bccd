// SPDX-License-Identifier: Apache-2.0
//
// repr.hpp - numbers as Python writes them, for files that Python programs also write or compare.
// Not part of sdk.hpp: include it by name.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>

namespace trainer::sdk {

/// Appends `value` as repr(float): the fewest digits that give the same double back; 1e-05, 0.0001,
/// 1e+16, 1000000000000000.0, nan, inf. Allocates only when `out` must grow.
inline void append_repr(std::string& out, double value) {
  if (std::isnan(value)) {
    out += "nan";  // to_chars may write the sign of a NaN; Python does not
    return;
  }
  const double magnitude = std::fabs(value);
  // Python's limits between the two notations (float_repr_style "short": -4 <= exponent < 16).
  const bool scientific = magnitude != 0.0 && (magnitude < 1e-4 || magnitude >= 1e16);
  char text[32];
  const auto format = scientific ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(text, text + sizeof text, value, format).ptr;
  const std::string_view digits(text, static_cast<std::size_t>(end - text));
  out += digits;
  if (!scientific && digits.find('.') == std::string_view::npos) out += ".0";
}

inline void append_repr(std::string& out, std::int64_t value) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, value).ptr);
}

/// The same as a text of its own.
inline std::string repr(double value) {
  std::string text;
  append_repr(text, value);
  return text;
}

}  // namespace trainer::sdk
