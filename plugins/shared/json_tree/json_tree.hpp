// SPDX-License-Identifier: Apache-2.0
//
// A JSON text as a tree that keeps the order of keys and the digits of numbers. For the arguments of
// a run, which go into a tracker's file with the very digits that Python gives them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins {

struct JsonTree {
  enum class Kind { null, boolean, number, string, list, object };

  Kind kind = Kind::null;
  /// A string's content in UTF-8; a number as it was written, NaN, Infinity and -Infinity included;
  /// "true" or "false".
  std::string text;
  std::vector<JsonTree> items;    ///< of a list or an object
  std::vector<std::string> keys;  ///< of an object: the key of each item

  const JsonTree* find(std::string_view key) const;
  /// The value of `key`, appended as null when there is none.
  JsonTree& operator[](std::string_view key);
};

/// Also reads NaN, Infinity and -Infinity, as Python does. Throws std::invalid_argument, which names
/// the byte where it stopped.
JsonTree parse_json(std::string_view text);

enum class Escape { ascii, utf8 };  ///< beyond ASCII: \uXXXX, as json.dumps() does, or as it is

/// Appends a string with its quotes. What is not UTF-8 becomes U+FFFD.
void append_json_string(std::string& out, std::string_view utf8, Escape escape);

/// Appends the whole tree on one line. `quote_special` writes NaN and infinities as strings.
void append_json(std::string& out, const JsonTree& tree, Escape escape, bool quote_special);

/// Code points of a UTF-8 text; U+FFFD for each byte that does not belong to one.
std::u32string decode_utf8(std::string_view utf8);
void append_utf8(std::string& out, char32_t c);

}  // namespace trainer::plugins
