// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "data/csv_text.hpp"
#include "trainer/csv_columns.hpp"

namespace trainer {

/// The cells of the targets' columns, and the labels that they become.
class CsvLabels {
 public:
  CsvLabels(const CsvText& text, const CsvOptions& options)
      : text_(text), options_(options), width_(std::max<std::size_t>(options.targets.size(), 1)) {}

  void begin_row();
  /// The row's cell of a target, by its number; a number with a decimal point.
  void add(std::string_view cell, std::size_t target);
  /// All of them. `classes` of the model, or none: then those of this file are put there.
  at::Tensor finish(ClassNames& classes) const;

 private:
  void add_number(std::string_view cell, std::size_t target);
  void add_class(std::string_view cell);
  ClassNames own_classes() const;
  std::string place(std::size_t line, std::string_view cell, std::size_t target = 0) const;

  const CsvText& text_;
  const CsvOptions& options_;
  const std::size_t width_;  // targets
  std::vector<float> numbers_;
  struct {
    std::size_t count = 0, line = 0, target = 0;
    std::string cell;
  } not_finite_;
  std::vector<std::int32_t> values_;  // a row's place in the next, -1 for one that is to be ignored
  std::vector<std::string> cells_;    // each once
  std::vector<std::size_t> lines_;    // where it came first
  std::unordered_map<std::string, std::int32_t> index_;
};

}  // namespace trainer
