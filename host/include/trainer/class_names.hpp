// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "trainer/json.hpp"

namespace trainer {

/// The classes of a target, in the order of a model's outputs.
class ClassNames {
 public:
  ClassNames() = default;  ///< none
  /// The whole numbers from 0 to `count` - 1.
  static ClassNames numbered(std::int64_t count);
  /// What the cells of a file hold, each once: by size when all are numbers, so that 1 and 1.0 are one class, else
  /// by their text. The order is that of scikit-learn's LabelEncoder.
  static ClassNames sorted(const std::vector<std::string>& cells);

  std::int64_t size() const { return numbered_ ? *numbered_ : static_cast<std::int64_t>(names_.size()); }
  bool empty() const { return size() == 0; }
  std::string name(std::int64_t index) const;
  std::vector<std::string> first_names(std::int64_t limit) const;
  /// The class that a cell names, as 1.0 names 1 where all are numbers.
  std::optional<std::int64_t> find(std::string_view cell) const;

  json::value to_json() const;
  static ClassNames from_json(const json::value& v, std::string_view where);
  bool operator==(const ClassNames& other) const { return to_json() == other.to_json(); }

 private:
  void set_names(std::vector<std::string> names, bool numbers);

  std::optional<std::int64_t> numbered_ = 0;
  bool numbers_ = true;  // all are numbers
  std::vector<std::string> names_;
  std::unordered_map<std::string, std::int64_t> index_;
};

}  // namespace trainer
