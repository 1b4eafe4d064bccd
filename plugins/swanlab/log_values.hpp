// SPDX-License-Identifier: Apache-2.0
//
// What SwanLab's client (0.10.3) makes of the keys and values that it is given to log.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "shared/json_tree/json_tree.hpp"
#include "trainer/sdk/value.hpp"

namespace trainer::swanlab {

/// The key as it is stored: without blanks, "." and "/" at its ends, 512 characters at most. Nothing for one that is
/// empty then, ends in "." or "/", has a control character in it, or is one of SwanLab's own.
std::optional<std::string> metric_key(std::string_view key);

/// Python's float() of a text, but NaN for an infinity; nothing when it is no number.
std::optional<double> text_number(std::string_view text);

/// One call of log(): nested keys are joined with slashes, and of one key the last value counts.
class LogValues {
 public:
  struct Entry {
    std::string key;
    double value;
  };
  void clear() { entries_.clear(), refused_.clear(); }  ///< keeps the memory
  void add(std::string_view key, const sdk::Value& value);

  const std::vector<Entry>& entries() const { return entries_; }
  /// Keys that were left out, and why.
  const std::vector<std::pair<std::string, const char*>>& refused() const { return refused_; }

 private:
  void add(std::string_view key, std::optional<double> number);
  void add(const std::string& key, const plugins::JsonTree& tree);

  std::vector<Entry> entries_;
  std::vector<std::pair<std::string, const char*>> refused_;
};

}  // namespace trainer::swanlab
