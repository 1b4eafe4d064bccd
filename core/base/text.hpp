// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// What sentences and checks of texts need.
namespace trainer {

/// The candidate that is nearest to `name`: by edit distance, or one that it abbreviates; empty when none is near.
std::string nearest(std::string_view name, const std::vector<std::string>& candidates);

/// Whether a name is among these.
bool contains(const std::vector<std::string>& names, std::string_view name);

/// Editors on Windows begin a UTF-8 file with it; it is no part of the text.
inline constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";

/// Two hexadecimal digits of each byte.
std::string hexadecimal(const unsigned char* bytes, std::size_t count);

/// ASCII letters in lower case.
std::string lower(std::string_view text);

/// Bytes of the character that a text begins with, and in `code` which it is; 0, and nothing of use in `code`, when it
/// is empty or begins with what is no UTF-8.
std::size_t utf8_character(std::string_view text, std::uint32_t& code);

/// Whether bytes are valid UTF-8.
bool is_utf8(std::string_view text);

/// A text of more than `most` bytes is cut between two characters, and ends in "...".
std::string shortened(const std::string& text, std::size_t most);

/// The words with the separator between two of them.
std::string join(const std::vector<std::string>& words, std::string_view separator = ", ");

}  // namespace trainer
