// SPDX-License-Identifier: Apache-2.0
//
// Python's repr() and str() of JSON values.
#include "shared/python_text/python_text.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdint>
#include <iterator>
#include <limits>
#include <trainer/sdk/repr.hpp>
#include <utility>

namespace trainer::plugins {
namespace {

/// The code point at `at`, which is moved past it; -1 and one byte for what is no UTF-8.
std::int32_t next_code_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  const unsigned first = byte(at++);
  if (first < 0x80) return static_cast<std::int32_t>(first);
  const std::size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
  if (first < 0xC2 || first > 0xF4) return -1;
  std::uint32_t code = first & (0x3Fu >> more);
  for (std::size_t i = 0; i < more; ++i) {
    if ((byte(at + i) & 0xC0u) != 0x80u) return -1;
    code = (code << 6) | (byte(at + i) & 0x3Fu);
  }
  at += more;
  return static_cast<std::int32_t>(code);
}

/// What str.isprintable() refuses: controls, formats, separators, surrogates, private use.
/// Code points that no Unicode version assigns yet count as printable here.
bool is_printable(std::int32_t code) {
  static constexpr std::int32_t refused[][2] = {
      {0x00, 0x1F},       {0x7F, 0xA0},       {0xAD, 0xAD},       {0x600, 0x605},     {0x61C, 0x61C},
      {0x6DD, 0x6DD},     {0x70F, 0x70F},     {0x890, 0x891},     {0x8E2, 0x8E2},     {0x1680, 0x1680},
      {0x180E, 0x180E},   {0x2000, 0x200F},   {0x2028, 0x202F},   {0x205F, 0x206F},   {0x3000, 0x3000},
      {0xD800, 0xF8FF},   {0xFEFF, 0xFEFF},   {0xFFF0, 0xFFFB},   {0xFFFE, 0xFFFF},   {0x110BD, 0x110BD},
      {0x110CD, 0x110CD}, {0x13430, 0x1343F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0xE00FF},
      {0xE01F0, 0x10FFFF}};
  return std::none_of(std::begin(refused), std::end(refused),
                      [&](const auto& range) { return code >= range[0] && code <= range[1]; });
}

void append_hex(std::string& out, std::uint32_t code) {
  static const char digits[] = "0123456789abcdef";
  const int size = code <= 0xFF ? 2 : code <= 0xFFFF ? 4 : 8;
  out += '\\', out += size == 2 ? 'x' : size == 4 ? 'u' : 'U';
  for (int i = size - 1; i >= 0; --i) out += digits[(code >> (4 * i)) & 15u];
}

// Stands for a number; no text of a user begins so.
constexpr std::string_view mark = "\x01trainer:";

double number(std::string_view text) {
  double value = std::numeric_limits<double>::quiet_NaN();
  if (text == "NaN") return value;
  if (text == "Infinity") return std::numeric_limits<double>::infinity();
  if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::result_out_of_range)  // 1e999 and 1e-999, as float() has them
    value = text.find("e-") == text.npos && text.find("E-") == text.npos
                ? number(text[0] == '-' ? "-Infinity" : "Infinity")
                : 0.0;
  return value;
}

void put_numbers_back(boost::json::value& value) {
  if (auto* text = value.if_string()) {
    const std::string_view view(text->data(), text->size());
    if (view.substr(0, mark.size()) == mark)
      value = number(std::string(view.substr(mark.size())));  // a copy: the text goes
  } else if (auto* list = value.if_array()) {
    for (auto& item : *list) put_numbers_back(item);
  } else if (auto* object = value.if_object()) {
    for (auto& item : *object) put_numbers_back(item.value());
  }
}

/// The length of a number at `at` that is no integer in digits; 0 for anything else.
std::size_t number_size(std::string_view json, std::size_t at) {
  for (const std::string_view word : {"NaN", "Infinity", "-Infinity"})
    if (json.substr(at, word.size()) == word) return word.size();
  if (json[at] != '-' && (json[at] < '0' || json[at] > '9')) return 0;
  const std::size_t end = std::min(json.find_first_not_of("+-.eE0123456789", at), json.size());
  const std::string_view text = json.substr(at, end - at);
  double value = 0;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = stop == text.data() + text.size() && error != std::errc::invalid_argument;
  return whole && text.find_first_of(".eE") != text.npos ? text.size() : 0;
}

}  // namespace

void append_python_repr(std::string& out, std::string_view text) {
  const bool doubled = text.find('\'') != text.npos && text.find('"') == text.npos;
  const char quote = doubled ? '"' : '\'';
  out += quote;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const std::int32_t code = next_code_point(text, at);
    if (code == '\n')
      out += "\\n";
    else if (code == '\r')
      out += "\\r";
    else if (code == '\t')
      out += "\\t";
    else if (code == '\\' || code == quote)
      out += '\\', out += static_cast<char>(code);
    else if (code < 0)
      append_hex(out, static_cast<unsigned char>(text[begin]));
    else if (!is_printable(code))
      append_hex(out, static_cast<std::uint32_t>(code));
    else
      out += text.substr(begin, at - begin);
  }
  out += quote;
}

void append_python_repr(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "None";
      break;
    case boost::json::kind::bool_:
      out += value.get_bool() ? "True" : "False";
      break;
    case boost::json::kind::int64:
      sdk::append_repr(out, value.get_int64());
      break;
    case boost::json::kind::uint64: {
      char digits[24];
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.get_uint64()).ptr);
      break;
    }
    case boost::json::kind::double_:
      sdk::append_repr(out, value.get_double());
      break;
    case boost::json::kind::string:
      append_python_repr(out, std::string_view(value.get_string()));
      break;
    case boost::json::kind::array: {
      const char* separator = "";
      out += '[';
      for (const auto& item : value.get_array()) {
        out += std::exchange(separator, ", ");
        append_python_repr(out, item);
      }
      out += ']';
      break;
    }
    case boost::json::kind::object: {
      const char* separator = "";
      out += '{';
      for (const auto& item : value.get_object()) {
        out += std::exchange(separator, ", ");
        append_python_repr(out, std::string_view(item.key()));
        out += ": ";
        append_python_repr(out, item.value());
      }
      out += '}';
      break;
    }
  }
}

std::string python_str(const boost::json::value& value) {
  if (value.is_string()) return std::string(std::string_view(value.get_string()));
  std::string out;
  append_python_repr(out, value);
  return out;
}

std::size_t python_length(std::string_view utf8) {
  std::size_t length = 0;
  for (std::size_t at = 0; at < utf8.size(); ++length) next_code_point(utf8, at);
  return length;
}

std::string_view python_prefix(std::string_view utf8, std::size_t length) {
  std::size_t at = 0;
  while (length-- > 0 && at < utf8.size()) next_code_point(utf8, at);
  return utf8.substr(0, at);
}

// Boost.JSON knows no NaN, and rounds some decimals to the neighbour of the double that they mean:
// those numbers pass through it as marked texts.
boost::json::value parse_python_json(std::string_view json) {
  std::string plain;
  bool in_text = false, marked = false;
  for (std::size_t at = 0; at < json.size();) {
    const bool starts =
        !in_text && (at == 0 || std::string_view(" \t\r\n,:[{").find(json[at - 1]) != std::string_view::npos);
    const std::size_t number = starts ? number_size(json, at) : 0;
    if (number != 0) {
      plain += "\"\\u0001trainer:";
      plain += json.substr(at, number);
      plain += '"';
      marked = true;
      at += number;
      continue;
    }
    // A backslash and what it escapes pass together, so that a quote met here is a real one.
    const std::size_t size = in_text && json[at] == '\\' ? 2 : 1;
    if (json[at] == '"') in_text = !in_text;
    plain += json.substr(at, size);
    at += size;
  }
  boost::json::value value = boost::json::parse(plain);
  if (marked) put_numbers_back(value);
  return value;
}

}  // namespace trainer::plugins
