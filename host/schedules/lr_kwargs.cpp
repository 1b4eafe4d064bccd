// SPDX-License-Identifier: Apache-2.0
#include "schedules/lr_kwargs.hpp"

#include <algorithm>
#include <cmath>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer {

LrKwargs::LrKwargs(std::string_view type, const json::object& values, std::vector<std::string> known)
    : type_(type), values_(values) {
  for (const auto& entry : values_) {
    const std::string key(entry.key());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    // Python's schedules take `last_epoch`, whose only use is its default.
    if (key == "last_epoch" && entry.value() == -1) continue;
    const std::string near = nearest(key, known);
    throw_usage(error_id::arguments_invalid, "args: lr_scheduler_kwargs has the unknown key '" + key + "'; " + type_ +
                                                 (known.empty() ? " takes none" : " takes " + join(known)) +
                                                 (near.empty() ? "" : "; did you mean '" + near + "'?"));
  }
}

void LrKwargs::refuse(const char* key, const std::string& found, const std::string& expected) const {
  throw_usage(error_id::arguments_invalid, "args: lr_scheduler_kwargs '" + std::string(key) + "' of " + type_ +
                                               ": found " + found + ", expected " + expected);
}

const json::value* LrKwargs::find(const char* key) const {
  const json::value* value = values_.if_contains(key);
  return value == nullptr || value->is_null() ? nullptr : value;
}

Number LrKwargs::to_number(const char* key, const json::value& value) const {
  if (value.is_int64()) return value.get_int64();
  if (value.is_uint64()) return value.get_uint64();
  if (value.is_double()) return value.get_double();
  refuse(key, std::string(json::kind_name(value)), "a number");
}

std::optional<Number> LrKwargs::find_number(const char* key) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::nullopt;
  return to_number(key, *value);
}

Number LrKwargs::number(const char* key, Number fallback) const { return find_number(key).value_or(fallback); }

Number LrKwargs::required_number(const char* key, const char* example) const {
  if (const auto value = find_number(key)) return *value;
  refuse(key, "nothing", "a number; add it, for example " + std::string(example));
}

std::int64_t LrKwargs::count(const char* key, std::int64_t fallback) const {
  const double value = number(key, fallback);
  if (value == std::floor(value) && std::abs(value) < 1e15) return static_cast<std::int64_t>(value);
  refuse(key, json::repr(value), "a whole number");
}

bool LrKwargs::is_list(const char* key) const {
  const json::value* value = find(key);
  return value != nullptr && value->is_array();
}

bool LrKwargs::flag(const char* key, bool fallback) const {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_bool()) refuse(key, std::string(json::kind_name(*value)), "true or false");
  return value->get_bool();
}

std::string LrKwargs::choice(const char* key, const char* fallback, const std::vector<std::string>& choices) const {
  const json::value* value = find(key);
  if (value == nullptr) return fallback;
  if (!value->is_string()) {
    refuse(key, std::string(json::kind_name(*value)), "one of " + join(choices));
  }
  const std::string text(value->get_string());
  if (std::find(choices.begin(), choices.end(), text) != choices.end()) return text;
  refuse(key, "'" + text + "'", "one of " + join(choices));
}

std::vector<Number> LrKwargs::per_group(const char* key, Number fallback, std::size_t groups) const {
  const json::value* value = find(key);
  if (value == nullptr) return std::vector<Number>(groups, fallback);
  if (!value->is_array()) return std::vector<Number>(groups, to_number(key, *value));
  const json::array& items = value->get_array();
  if (items.size() != groups) {
    refuse(key, "a list of " + std::to_string(items.size()),
           "a number or a list of " + std::to_string(groups) + ", one for each parameter group");
  }
  std::vector<Number> out;
  for (const json::value& item : items) out.push_back(to_number(key, item));
  return out;
}

}  // namespace trainer
