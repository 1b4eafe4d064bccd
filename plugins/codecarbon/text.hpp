// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace codecarbon {

/// A float as Python's repr() writes it (shortest digits that read back to the same double), so
/// that a row of ours and a row of the codecarbon package look alike.
std::string python_repr(double value);

/// What float() of Python takes, without "_", infinities and NaN; empty for anything else.
std::optional<double> parse_number(std::string_view text);

/// One field of a CSV line as pandas writes it: quoted only when it must be.
std::string csv_field(std::string_view text);

/// The fields of one CSV line; `line` has no line end.
std::vector<std::string> csv_fields(std::string_view line);

/// A JSON string with its quotes.
std::string json_string(std::string_view text);

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);

}  // namespace codecarbon
