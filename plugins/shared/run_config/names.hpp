// SPDX-License-Identifier: Apache-2.0
//
// Names that a store takes, of names that it may refuse.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins {

struct NameRule {
  std::string_view allowed;    ///< beside ASCII letters and digits; empty with `forbidden`
  std::string_view forbidden;  ///< where all else is allowed
  std::size_t most = 0;        ///< code points
};

/// The text with "_" for each character that the rule refuses, cut at its end.
std::string fit_name(std::string_view text, const NameRule& rule);

/// Fits `text`; when that changes it, adds a sentence that begins with `what` to `warnings`.
void fit_name(std::string& text, const NameRule& rule, const std::string& what, std::vector<std::string>& warnings);

/// The code points of a UTF-8 text.
std::size_t code_points(std::string_view utf8);
/// Its beginning.
std::string_view first_code_points(std::string_view utf8, std::size_t most);

}  // namespace trainer::plugins
