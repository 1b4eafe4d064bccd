// SPDX-License-Identifier: Apache-2.0
#include "base/commented_json.hpp"

#include <algorithm>
#include <string_view>

#include "base/json_text.hpp"

namespace trainer::json {
namespace {

// Behind the string that begins at `at`.
std::size_t skip_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at)
    if (text[at] == '\\') ++at;
  return std::min(at + 1, text.size());
}

// Behind the comment that begins at `at`; the same place when none does. One that has no end is none, so that the
// parser says where.
std::size_t skip_comment(std::string_view text, std::size_t at) {
  const auto start = text.substr(at, 2);
  if (start == "//") return std::min(text.find('\n', at), text.size());
  const auto end = start == "/*" ? text.find("*/", at + 2) : text.npos;
  return end == text.npos ? at : end + 2;
}

}  // namespace

std::string plain_json(std::string text) {
  std::size_t comma = text.npos;  // the last sign, where that is a comma behind a value
  char last = '[';                // the last sign
  for (std::size_t at = 0; at < text.size();) {
    if (const auto end = skip_comment(text, at); end != at) {
      for (; at < end; ++at)
        if (text[at] != '\n' && text[at] != '\r') text[at] = ' ';
      continue;
    }
    const char c = text[at];
    const std::size_t next = c == '"' ? skip_string(text, at) : at + 1;
    if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
      if ((c == ']' || c == '}') && comma != text.npos) text[comma] = ' ';
      // [,] stays as it is, and is an error.
      comma = c == ',' && last != '[' && last != '{' && last != ',' ? at : text.npos;
      last = c;
    }
    at = next;
  }
  return text;
}

value parse_commented_file(const std::filesystem::path& path) {
  return parse(plain_json(read_json_text(path)), path.string());
}

}  // namespace trainer::json
