// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/json.hpp>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// JSON as Python's json module reads and writes it, on Boost.JSON's values.
namespace trainer::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// Reads JSON; NaN, Infinity and -Infinity are accepted. Numbers are read to the nearest double
/// (Boost.JSON 1.81's own reader can be off by one unit in the last place). Duplicate keys, more
/// than 64 levels and more than 512 MiB are refused. `where` names the text in the sentence of the
/// Error.
value parse(std::string_view text, std::string_view where);

/// parse() of a file; a missing or unreadable one is an Error too.
value parse_file(const std::filesystem::path& path);

struct Layout {
  int indent = -1;         ///< -1: one line, as json.dumps() without indent
  bool sort_keys = false;  ///< at every level
  bool compact = false;    ///< separators "," and ":" without spaces (one-line only)
};

/// json.dumps(): ASCII with \uXXXX escapes, floats as repr() writes them (`1.0`, `1e-05`, `NaN`). Bytes that are no
/// UTF-8 become U+FFFD.
std::string dump(const value& v, const Layout& layout = {});

/// A double as Python's repr() writes it.
std::string repr(double number);

/// "a list", "a string" ... of a value, for messages.
std::string_view kind_name(const value& v);

}  // namespace trainer::json
