// SPDX-License-Identifier: Apache-2.0
#include "data/cell_number.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "trainer/json.hpp"

namespace trainer {
namespace {

template <typename T>
std::errc parse_whole(std::string_view text, T& value) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  return end == text.data() + text.size() ? ec : std::errc::invalid_argument;
}

}  // namespace

std::optional<double> cell_number(std::string_view text) {
  double value = 0;
  const std::errc found = parse_whole(text, value);
  if (found == std::errc{}) return value;
  if (found != std::errc::result_out_of_range) return std::nullopt;
  // Beyond a double: infinite, or so small that it is 0.
  long double wide = 0;
  return parse_whole(text, wide) == std::errc{} ? std::optional(static_cast<double>(wide)) : std::nullopt;
}

std::optional<std::int64_t> cell_integer(std::string_view text) {
  std::int64_t whole = 0;
  if (parse_whole(text, whole) == std::errc{}) return whole;
  const auto number = cell_number(text);
  constexpr double limit = 9007199254740992;  // from there on a double is not every whole number
  if (!number || !(std::abs(*number) <= limit) || *number != std::trunc(*number)) return std::nullopt;
  return static_cast<std::int64_t>(*number);
}

std::optional<std::string> with_point(std::string_view text) {
  if (text.find('.') != text.npos || std::count(text.begin(), text.end(), ',') != 1) return std::nullopt;
  std::string out(text);
  out[out.find(',')] = '.';
  return cell_number(out) ? std::optional(out) : std::nullopt;
}

std::string canonical_cell(std::string_view text) {
  if (const auto whole = cell_integer(text)) return std::to_string(*whole);
  const auto number = cell_number(text);
  return number && std::isfinite(*number) ? json::repr(*number) : std::string(text);
}

bool is_missing(std::string_view text) {
  static constexpr std::array<std::string_view, 12> names = {"",     "#N/A", "#NA", "<NA>", "N/A",      "NA",
                                                             "NULL", "None", "n/a", "null", "#N/A N/A", "1.#QNAN"};
  if (std::find(names.begin(), names.end(), text) != names.end()) return true;
  const auto number = cell_number(text);
  return number && !std::isfinite(*number) && text.find_first_of("0123456789") == text.npos;
}

}  // namespace trainer
