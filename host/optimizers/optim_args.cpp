// SPDX-License-Identifier: Apache-2.0
#include "optimizers/optim_args.hpp"

#include <algorithm>
#include <charconv>
#include <iterator>

#include "formats/python_value.hpp"
#include "trainer/error.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

std::vector<std::pair<std::string, std::string>> parse_optim_args(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> pairs;
  std::string rest;
  std::copy_if(text.begin(), text.end(), std::back_inserter(rest), [](char c) { return c != ' '; });
  if (text.empty()) return pairs;
  for (std::size_t begin = 0; begin <= rest.size();) {
    const std::size_t end = std::min(rest.find(',', begin), rest.size());
    const std::string item = rest.substr(begin, end - begin);
    const std::size_t equals = item.find('=');
    if (equals == std::string::npos || item.find('=', equals + 1) != std::string::npos) {
      throw_usage(error_id::arguments_invalid,
                  "args: found '" + item +
                      "' in optim_args, expected name=value pairs with commas between, such as "
                      "momentum=0.9,nesterov=true");
    }
    const std::string key = item.substr(0, equals);
    std::erase_if(pairs, [&](const auto& pair) { return pair.first == key; });
    pairs.emplace_back(key, item.substr(equals + 1));
    begin = end + 1;
  }
  return pairs;
}

OptimArgs::OptimArgs(std::string_view text) : pairs_(parse_optim_args(text)) {}

const std::string* OptimArgs::find(const char* name) const {
  for (const auto& [key, value] : pairs_) {
    if (key == name) return &value;
  }
  return nullptr;
}

std::optional<double> OptimArgs::number(const char* name) const {
  const std::string* text = find(name);
  if (text == nullptr) return std::nullopt;
  double value = 0;
  const char* begin = text->data() + (text->starts_with('+') ? 1 : 0);
  const char* end = text->data() + text->size();
  const auto [stop, error] = std::from_chars(begin, end, value);
  if (error == std::errc() && stop == end) return value;
  throw_usage(error_id::arguments_invalid, "args: found " + std::string(name) + "=" + *text +
                                               " in optim_args, expected a number, such as " + name + "=0.9");
}

c10::IValue OptimArgs::value(const char* name, const Number& fallback) const {
  const auto given = number(name);
  return python::make_number(given ? Number(*given) : fallback);
}

bool OptimArgs::truth(const char* name) const {
  const std::string* text = find(name);
  if (text == nullptr) return false;
  std::string lower = *text;
  for (char& c : lower) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return lower == "true" || lower == "1" || lower == "yes";
}

void OptimArgs::require_not_negative(std::initializer_list<const char*> names) const {
  for (const char* name : names) {
    if (const auto value = number(name)) trainer::require_not_negative(*value, name, "args");
  }
}

void require_not_negative(double value, const char* name, std::string_view where) {
  if (value >= 0) return;
  throw_usage(error_id::arguments_invalid, std::string(where) + ": found " + name + " " + json::repr(value) +
                                               ", expected a number that is not negative");
}

}  // namespace trainer
