// SPDX-License-Identifier: Apache-2.0
#include "report/json_text.hpp"

#include <charconv>
#include <cmath>

namespace trainer::report {
namespace {

// The length of the UTF-8 character that begins there, or 0.
std::size_t character(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  const std::size_t size = first < 0x80                    ? 1
                           : first >= 0xC2 && first < 0xE0 ? 2
                           : first >= 0xE0 && first < 0xF0 ? 3
                           : first >= 0xF0 && first < 0xF5 ? 4
                                                           : 0;
  if (size == 0 || size > text.size()) return 0;
  for (std::size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  if ((first == 0xE0 && byte(1) < 0xA0) || (first == 0xED && byte(1) > 0x9F) || (first == 0xF0 && byte(1) < 0x90) ||
      (first == 0xF4 && byte(1) > 0x8F))
    return 0;
  return size;
}

void append_escape(std::string& out, unsigned code) {
  static constexpr char digits[] = "0123456789abcdef";
  out += "\\u";
  for (int shift = 12; shift >= 0; shift -= 4) out += digits[(code >> shift) & 15];
}

}  // namespace

void append_json_text(std::string& out, std::string_view utf8) {
  out += '"';
  while (!utf8.empty()) {
    const std::size_t size = character(utf8);
    const std::string_view c = utf8.substr(0, size);
    if (size == 0) {
      append_escape(out, 0xFFFD);
    } else if (size == 1) {
      const char ascii = c[0];
      if (ascii == '"' || ascii == '\\')
        (out += '\\') += ascii;
      else if (static_cast<unsigned char>(ascii) < 0x20 || ascii == 0x7F || ascii == '<' || ascii == '>' ||
               ascii == '&')
        append_escape(out, static_cast<unsigned char>(ascii));
      else
        out += ascii;
    } else if (c == "\xE2\x80\xA8" || c == "\xE2\x80\xA9") {
      append_escape(out, c[2] == '\xA8' ? 0x2028 : 0x2029);
    } else {
      out += c;
    }
    utf8.remove_prefix(size == 0 ? 1 : size);
  }
  out += '"';
}

void append_json_number(std::string& out, double number) {
  if (std::isnan(number)) {
    out += "\"NaN\"";
  } else if (std::isinf(number)) {
    out += number < 0 ? "\"-Infinity\"" : "\"Infinity\"";
  } else {
    char text[32];
    out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
  }
}

void append_json_number(std::string& out, std::int64_t number) {
  char text[24];
  out.append(text, std::to_chars(text, text + sizeof text, number).ptr);
}

}  // namespace trainer::report
