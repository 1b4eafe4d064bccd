// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "trainer/dataset.hpp"

namespace trainer {

class ColumnSource;

/// Columns of files: a tensor each, rows first ("input_ids" [N, T] int64, "labels" [N] ...), read at once or, where
/// they are large, as their rows are asked for. A column whose rows differ in length is two tensors: "input_ids", the
/// values of all rows one after another, and "input_ids.offsets" [N + 1] int64, where row i is
/// input_ids[offsets[i]:offsets[i + 1]]. Errors say which column is wrong.
class ColumnDataset : public Dataset {
 public:
  static constexpr std::uint64_t default_in_memory = std::uint64_t{256} << 20;  ///< bytes
  ~ColumnDataset() override;

  std::int64_t size() const override { return rows_; }
  /// Rows of one batch must be of one length; DataCollatorWithPadding makes them so.
  Batch get_batch(const at::Tensor& indices) const override;
  std::vector<Row> get_rows(const at::Tensor& indices) const override;
  /// Of any column of the files, also of one that batches do not have.
  at::Tensor lengths(const std::string& column) const override;
  std::vector<std::string> columns() const;  ///< those that batches have
  std::vector<std::string> ragged() const;   ///< those of them with rows of several lengths
  const std::vector<std::string>& left_out() const { return left_out_; }  ///< other columns of the files
  std::vector<at::Tensor> in_memory() const;  ///< offsets, and values that do not stay in the files

 protected:
  /// All of them, or those named in `columns`, in that order; names that the files do not have are passed over. Of more
  /// than `in_memory` bytes the rows stay in the files, offsets never.
  ColumnDataset(std::unique_ptr<ColumnSource> source, const std::vector<std::string>& columns, std::uint64_t in_memory);

 private:
  struct Column;
  [[noreturn]] void refuse(std::size_t place, const std::string& what) const;
  std::size_t find(const std::string& name) const;
  Column open(std::size_t place) const;
  at::Tensor read(const Column& column) const;
  at::Tensor read_offsets(std::size_t offsets, const Column& values) const;
  void copy(const Column& column, std::int64_t first, at::Tensor to) const;
  void check_rows(const Column& column, const at::Tensor& indices) const;
  at::Tensor rows_of(const Column& column, const at::Tensor& indices) const;
  std::vector<at::Tensor> ragged_rows_of(const Column& column, const at::Tensor& indices) const;

  std::unique_ptr<ColumnSource> source_;
  std::vector<Column> columns_;
  std::vector<std::string> left_out_;
  std::int64_t rows_ = 0;
};

}  // namespace trainer
