// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace trainer {

/// Columns that lie in files, a tensor each. Rows may be read by several threads at once.
class ColumnSource {
 public:
  struct Column {
    at::ScalarType type;
    std::vector<std::int64_t> shape;
  };

  ColumnSource(std::string name, std::vector<std::string> columns)
      : name_(std::move(name)), columns_(std::move(columns)) {}
  virtual ~ColumnSource();
  const std::string& name() const { return name_; }  ///< for sentences
  const std::vector<std::string>& columns() const { return columns_; }

  /// What a column is; called before its rows are read, by one thread.
  virtual Column open(std::size_t column) = 0;
  /// Rows from `first` on, which are there, into a contiguous tensor of the column's type on the CPU, as many as it
  /// has.
  virtual void read_rows(std::size_t column, std::int64_t first, at::Tensor& to) const = 0;

 private:
  std::string name_;
  std::vector<std::string> columns_;
};

}  // namespace trainer
