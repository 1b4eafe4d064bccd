// SPDX-License-Identifier: Apache-2.0
//
// When a text of YAML needs quotes, and which.
#include "scalar.hpp"

#include <cstdio>
#include <regex>

namespace trainer::dvclive {
namespace {

bool is_break(char32_t c) { return c == '\n' || c == 0x85 || c == 0x2028 || c == 0x2029; }

bool is_white(char32_t c) { return c == 0 || c == ' ' || c == '\t' || c == '\r' || is_break(c); }

bool among(char32_t c, std::string_view characters) {
  return c < 0x80 && characters.find(static_cast<char>(c)) != characters.npos;
}

bool is_printable(char32_t c) {
  return c == '\n' || (c >= 0x20 && c <= 0x7E) || c == 0x85 || (c >= 0xA0 && c <= 0xD7FF) ||
         (c >= 0xE000 && c <= 0xFFFD && c != 0xFEFF) || c >= 0x10000;
}

/// Characters that mean something to YAML at this place of a block.
bool has_indicator(const std::u32string& text, std::size_t i) {
  const bool space_follows = i + 1 >= text.size() || is_white(text[i + 1]);
  if (i == 0) return among(text[0], "#,[]{}&*!|>'\"%@`") || (among(text[0], "?:-") && space_follows);
  return (text[i] == ':' && space_follows) || (text[i] == '#' && is_white(text[i - 1]));
}

}  // namespace

ScalarTraits scalar_traits(const std::u32string& text) {
  ScalarTraits traits;
  if (text.empty()) return traits;
  bool special = false, space_break = false, break_space = false;
  bool indicators = text.substr(0, 3) == U"---" || text.substr(0, 3) == U"...";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char32_t c = text[i], before = i == 0 ? 0 : text[i - 1];
    indicators = indicators || has_indicator(text, i);
    traits.multiline = traits.multiline || is_break(c);
    special = special || !is_printable(c);
    break_space = break_space || (c == ' ' && is_break(before));
    space_break = space_break || (is_break(c) && before == ' ');
  }
  const auto edge = [](char32_t c) { return c == ' ' || is_break(c); };
  // ruamel.yaml writes other breaks than \n raw into single quotes; escaped they stay what they are.
  const bool other_break = text.find_first_of(U"\x85\u2028\u2029") != text.npos;
  traits.single = !special && !space_break && !break_space && !other_break;
  traits.plain = traits.single && !traits.multiline && !indicators && !edge(text.front()) && !edge(text.back());
  return traits;
}

Style scalar_style(const std::u32string& text, bool key, bool ambiguous) {
  const ScalarTraits traits = scalar_traits(text);
  if (!ambiguous && traits.plain && !(key && (text.empty() || traits.multiline))) return Style::plain;
  if (text.find(U'\'') != text.npos || text.find(U'\n') != text.npos) return Style::double_quoted;
  return traits.single && !(key && traits.multiline) ? Style::single_quoted : Style::double_quoted;
}

bool needs_escape(char32_t c) {
  return c == '"' || c == '\\' || c == 0x85 || c == 0x2028 || c == 0x2029 || c == '\n' || !is_printable(c);
}

void append_escape(std::string& out, char32_t c) {
  static constexpr std::u32string_view values = U"\a\b\t\n\v\f\r\x1B\"\\\x85\xA0\u2028\u2029";
  static constexpr std::string_view names = "abtnvfre\"\\N_LP";
  out += '\\';
  char text[12];
  if (const std::size_t i = values.find(c); c == 0 || i != values.npos) {
    out += c == 0 ? '0' : names[i];
    return;
  }
  std::snprintf(text, sizeof text, c <= 0xFF ? "x%02X" : c <= 0xFFFF ? "u%04X" : "U%08X", static_cast<unsigned>(c));
  out += text;
}

/// The implicit types of YAML 1.2 as ruamel.yaml knows them.
bool is_ambiguous_plain(std::string_view text) {
  static const std::regex bool_null_merge("true|True|TRUE|false|False|FALSE|~|null|Null|NULL||<<|=");
  static const std::regex number(
      "[-+]?[0-9][0-9_]*\\.[0-9_]*([eE][-+]?[0-9]+)?"
      "|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
      "|[-+]?\\.[0-9_]+([eE][-+][0-9]+)?"
      "|[-+]?\\.(inf|Inf|INF)|\\.(nan|NaN|NAN)"
      "|[-+]?0b[0-1_]+|[-+]?0o?[0-7_]+|[-+]?[0-9_]+|[-+]?0x[0-9a-fA-F_]+");
  static const std::regex timestamp(
      "[0-9]{4}-[0-9]{2}-[0-9]{2}"
      "|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}([Tt]|[ \\t]+)[0-9]{1,2}:[0-9]{2}:[0-9]{2}(\\.[0-9]*)?"
      "([ \\t]*(Z|[-+][0-9]{1,2}(:[0-9]{2})?))?");
  if (text.size() > 100) return false;  // no such word is that long; std::regex recurses
  const std::string copy(text);
  // Each type is looked for by its first character, and none begins with an underscore.
  if (text.substr(0, 1) == "_") return false;
  return std::regex_match(copy, bool_null_merge) || std::regex_match(copy, number) || std::regex_match(copy, timestamp);
}

}  // namespace trainer::dvclive
