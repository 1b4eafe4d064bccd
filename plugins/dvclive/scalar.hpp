// SPDX-License-Identifier: Apache-2.0
//
// How one string is written in YAML: plain, in single quotes or in double quotes.
#pragma once

#include <string>
#include <string_view>

namespace trainer::dvclive {

/// What of a text decides the style.
struct ScalarTraits {
  bool multiline = false;
  bool plain = true;   ///< may stand without quotes in a block, if it is not ambiguous
  bool single = true;  ///< may stand in single quotes
};

enum class Style { plain, single_quoted, double_quoted };

ScalarTraits scalar_traits(const std::u32string& text);

/// Whether a plain scalar of this text would be read as something else than a string.
bool is_ambiguous_plain(std::string_view text);

/// `key`: it stands before a colon, on one line. `ambiguous`: is_ambiguous_plain().
Style scalar_style(const std::u32string& text, bool key, bool ambiguous);

/// Whether `c` has to be escaped in double quotes, and how it is written then.
bool needs_escape(char32_t c);
void append_escape(std::string& out, char32_t c);

}  // namespace trainer::dvclive
