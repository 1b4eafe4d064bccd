// SPDX-License-Identifier: Apache-2.0
//
// Writes a tree as JSON, with Python's escapes.
#include <cstdio>

#include "shared/json_tree/json_tree.hpp"

namespace trainer::plugins {
namespace {

/// The code point that begins at `at`, which moves behind it.
char32_t next_code_point(std::string_view utf8, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(utf8[i]); };
  const unsigned char first = byte(at);
  if (first < 0x80) return utf8[at++];
  const int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  char32_t c = first & (0x3F >> more);
  bool valid = first >= 0xC2 && first < 0xF5 && at + static_cast<std::size_t>(more) < utf8.size();
  for (int i = 1; valid && i <= more; ++i) {
    const unsigned char next = byte(at + static_cast<std::size_t>(i));
    valid = (next & 0xC0) == 0x80;
    c = (c << 6) | (next & 0x3F);
  }
  static constexpr char32_t least[] = {0, 0x80, 0x800, 0x10000};
  if (!valid || c < least[more] || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) {
    ++at;
    return 0xFFFD;
  }
  at += static_cast<std::size_t>(more) + 1;
  return c;
}

void append_unit(std::string& out, unsigned unit) {
  char text[8];
  std::snprintf(text, sizeof text, "\\u%04x", unit);
  out += text;
}

void append_escaped(std::string& out, char32_t c, Escape escape) {
  static constexpr std::string_view values = "\"\\\b\f\n\r\t", names = "\"\\bfnrt";
  const std::size_t i = c < 0x80 ? values.find(static_cast<char>(c)) : values.npos;
  if (i != values.npos) {
    out += '\\';
    out += names[i];
  } else if (c < 0x20 || (c == 0x7F && escape == Escape::utf8)) {
    append_unit(out, static_cast<unsigned>(c));
  } else if (c < 0x80 || escape == Escape::utf8) {
    append_utf8(out, c);
  } else if (c < 0x10000) {
    append_unit(out, static_cast<unsigned>(c));
  } else {
    append_unit(out, static_cast<unsigned>(0xD800 + ((c - 0x10000) >> 10)));
    append_unit(out, static_cast<unsigned>(0xDC00 + (c & 0x3FF)));
  }
}

}  // namespace

void append_utf8(std::string& out, char32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  const int more = c >= 0x10000 ? 3 : c >= 0x800 ? 2 : 1;
  static constexpr unsigned lead[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(lead[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80 | ((c >> (6 * i)) & 0x3F));
}

std::u32string decode_utf8(std::string_view utf8) {
  std::u32string out;
  for (std::size_t at = 0; at < utf8.size();) out += next_code_point(utf8, at);
  return out;
}

void append_json_string(std::string& out, std::string_view utf8, Escape escape) {
  out += '"';
  for (std::size_t at = 0; at < utf8.size();) append_escaped(out, next_code_point(utf8, at), escape);
  out += '"';
}

void append_json(std::string& out, const JsonTree& tree, Escape escape, bool quote_special) {
  using Kind = JsonTree::Kind;
  const bool special = quote_special && tree.kind == Kind::number && tree.text.find_first_of("NI") != tree.text.npos;
  if (tree.kind == Kind::null) {
    out += "null";
  } else if (tree.kind == Kind::string || special) {
    append_json_string(out, tree.text, escape);
  } else if (tree.kind == Kind::list || tree.kind == Kind::object) {
    const bool object = tree.kind == Kind::object;
    out += object ? '{' : '[';
    for (std::size_t i = 0; i < tree.items.size(); ++i) {
      if (i != 0) out += ", ";
      if (object) append_json_string(out, tree.keys[i], escape), out += ": ";
      append_json(out, tree.items[i], escape, quote_special);
    }
    out += object ? '}' : ']';
  } else {
    out += tree.text;
  }
}

}  // namespace trainer::plugins
