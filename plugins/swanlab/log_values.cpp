// SPDX-License-Identifier: Apache-2.0
//
// flatten_dict() and validate_key() of swanlab/sdk/internal/run/fmt.py, and Scalar.transform().
#include "log_values.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "shared/run_config/names.hpp"

namespace trainer::swanlab {
namespace {

using plugins::JsonTree;
using Kind = JsonTree::Kind;

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t longest_key = 512;

std::string_view strip(std::string_view text, std::string_view characters) {
  const std::size_t begin = text.find_first_not_of(characters);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(characters) + 1 - begin);
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Without the underscores that Python allows between digits; false for one elsewhere.
bool without_underscores(std::string_view text, std::string& out) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '_') {
      out += text[i];
    } else if (i == 0 || i + 1 == text.size() || !is_digit(text[i - 1]) || !is_digit(text[i + 1])) {
      return false;
    }
  }
  return true;
}

std::optional<double> number_of(const JsonTree& tree) {
  switch (tree.kind) {
    case Kind::boolean:
      return tree.text == "true" ? 1.0 : 0.0;
    case Kind::number:
      if (tree.text.find("Infinity") == tree.text.npos) return text_number(tree.text);
      return tree.text[0] == '-' ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
    case Kind::string:
      return text_number(tree.text);
    default:
      return std::nullopt;
  }
}

}  // namespace

std::optional<std::string> metric_key(std::string_view key) {
  key = plugins::first_code_points(strip(key, " \t\n\r./"), longest_key);
  const bool control =
      std::any_of(key.begin(), key.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; });
  if (key.empty() || control || key.back() == '.' || key.back() == '/' || key.substr(0, 12) == "__swanlab__.")
    return std::nullopt;
  return std::string(key);
}

std::optional<double> text_number(std::string_view text) {
  std::string plain;
  if (!without_underscores(strip(text, " \t\n\r\v\f"), plain)) return std::nullopt;
  const char* begin = plain.data();
  const char* const end = begin + plain.size();
  if (begin != end && *begin == '+' && begin + 1 != end && begin[1] != '-') ++begin;
  double value = 0;
  const auto [rest, error] = std::from_chars(begin, end, value);
  if (rest != end || (end != begin && end[-1] == ')')) return std::nullopt;  // "nan(...)"
  if (error == std::errc::result_out_of_range) return plain.find("e-") != plain.npos ? 0.0 : nan;
  if (error != std::errc()) return std::nullopt;
  return std::isfinite(value) ? value : nan;
}

void LogValues::add(std::string_view key, const sdk::Value& value) {
  switch (value.raw()->type) {
    case TRAINER_NULL:
      return add(key, std::optional<double>());
    case TRAINER_STRING:
      return add(key, text_number(value.text()));
    case TRAINER_JSON:
      return add(std::string(key), plugins::parse_json(value.text()));
    default:
      return add(key, std::optional(value.number()));
  }
}

void LogValues::add(const std::string& key, const JsonTree& tree) {
  if (tree.kind != Kind::object) return add(key, number_of(tree));
  for (std::size_t i = 0; i < tree.items.size(); ++i)
    add(key.empty() ? tree.keys[i] : key + "/" + tree.keys[i], tree.items[i]);
}

void LogValues::add(std::string_view key, std::optional<double> number) {
  const std::optional<std::string> stored = metric_key(key);
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.key == stored; });
  if (!stored || !number) {
    refused_.emplace_back(key, stored ? "is not a number" : "has a key that SwanLab refuses");
    if (found != entries_.end()) entries_.erase(found);  // the last value counts, also when it is none
    return;
  }
  if (found != entries_.end())
    found->value = *number;
  else
    entries_.push_back({*stored, *number});
}

}  // namespace trainer::swanlab
