// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trainer {

/// The number that a whole text is, as Python's float() reads it, NaN and infinities included; else nothing.
std::optional<double> cell_number(std::string_view text);
/// The whole number that it is, also when it is written as 1.0 or 1e2.
std::optional<std::int64_t> cell_integer(std::string_view text);
/// The one text of a finite number, in which 1, +1.0 and 1e0 are alike; that of another text is itself.
std::string canonical_cell(std::string_view text);
/// "1.5" of "1,5"; nothing of a text that does not have it so.
std::optional<std::string> with_point(std::string_view text);
/// What pandas reads as a missing value: nothing, NA, nan, null and the like.
bool is_missing(std::string_view text);

}  // namespace trainer
