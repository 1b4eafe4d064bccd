// SPDX-License-Identifier: Apache-2.0
#include "command/print.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <string_view>
#include <utility>

#include "trainer/error.hpp"
#include "trainer/json.hpp"

namespace trainer::command {
namespace {

// A text in lines of at most `width` bytes, parted at blanks.
std::vector<std::string> wrapped(const std::string& text, std::size_t width) {
  std::vector<std::string> lines;
  std::size_t start = 0;
  while (text.size() - start > width) {
    auto end = text.rfind(' ', start + width);
    if (end == text.npos || end <= start) end = std::min(text.find(' ', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = std::min(end + 1, text.size());
  }
  lines.push_back(text.substr(start));
  return lines;
}

}  // namespace

std::string number_text(double v) {
  char text[40];
  if (std::isnan(v)) return "nan";  // without the sign that printf() gives it
  std::snprintf(text, sizeof text, "%.6g", v);
  return text;
}

std::string count_text(std::int64_t n, const std::string& what) {
  return std::to_string(n) + " " + what + (n == 1 ? "" : "s");
}

std::string json_text(const std::string& text) { return json::dump(json::value(text)); }

std::string shell_word(const std::string& word) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) ||
           std::string_view("_@%+=:,./-").find(c) != std::string_view::npos;
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), plain)) return word;
  std::string out = "'";
  for (const char c : word) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

void print_line(const std::string& line) { std::cout << on_one_line(line) << "\n"; }

void print_error(const std::string& sentence) { std::cerr << "error: " << on_one_line(sentence) << "\n"; }

void print_table(std::vector<std::vector<std::string>> rows, std::size_t width) {
  std::vector<std::size_t> widths;
  for (auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) {
      row[i] = on_one_line(row[i]);
      widths.resize(std::max(widths.size(), i + 1));
      widths[i] = std::max(widths[i], row[i].size());
    }
  for (const auto& row : rows) {
    std::string text;
    for (std::size_t i = 0; i + 1 < row.size(); ++i) text += row[i] + std::string(widths[i] + 2 - row[i].size(), ' ');
    const std::size_t room =
        width ? std::max<std::size_t>(width - std::min(width, text.size()), 20) : std::string::npos;
    bool first = true;
    for (const auto& line : wrapped(row.back(), room))
      std::cout << (std::exchange(first, false) ? text : std::string(text.size(), ' ')) << line << "\n";
  }
}

std::string file_url(const std::filesystem::path& path) {
  constexpr std::string_view plain = "-._~/!$&'()*+,;=:@";
  constexpr char digits[] = "0123456789ABCDEF";
  const std::string text = std::filesystem::absolute(path).lexically_normal().generic_string();
  std::string url = text.starts_with('/') ? "file://" : "file:///";  // C:/...
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || plain.find(c) != plain.npos)
      url += c;
    else
      ((url += '%') += digits[byte >> 4]) += digits[byte & 15];
  }
  return url;
}

}  // namespace trainer::command
