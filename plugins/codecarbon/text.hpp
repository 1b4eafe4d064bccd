// SPDX-License-Identifier: Apache-2.0
//
// Small questions about texts: numbers, letters, spaces.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace trainer::codecarbon {

/// What float() of Python takes, without "_", infinities and NaN; empty for anything else.
std::optional<double> parse_number(std::string_view text);

/// A JSON string with its quotes; control characters as \u00XX.
std::string json_string(std::string_view text);

std::string to_lower(std::string_view text);
std::string to_upper(std::string_view text);
std::string_view trim(std::string_view text);
bool starts_with(std::string_view text, std::string_view prefix);

}  // namespace trainer::codecarbon
