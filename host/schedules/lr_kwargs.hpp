// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/json.hpp"
#include "trainer/number.hpp"

namespace trainer {

/// `lr_scheduler_kwargs` of one scheduler type. Every getter throws a usage Error that names the
/// type and the key; null counts as not given.
class LrKwargs {
 public:
  /// Refuses keys that are not among `known`.
  LrKwargs(std::string_view type, const json::object& values, std::vector<std::string> known);

  std::optional<Number> find_number(const char* key) const;
  Number number(const char* key, Number fallback) const;
  Number required_number(const char* key, const char* example) const;
  std::int64_t count(const char* key, std::int64_t fallback) const;  ///< an integer, 2.0 too
  bool is_list(const char* key) const;
  bool flag(const char* key, bool fallback) const;
  std::string choice(const char* key, const char* fallback, const std::vector<std::string>& choices) const;
  /// A number for all groups, or a list with one for each.
  std::vector<Number> per_group(const char* key, Number fallback, std::size_t groups) const;

  [[noreturn]] void refuse(const char* key, const std::string& found, const std::string& expected) const;

 private:
  const json::value* find(const char* key) const;
  Number to_number(const char* key, const json::value& value) const;

  std::string type_;
  const json::object& values_;
};

}  // namespace trainer
