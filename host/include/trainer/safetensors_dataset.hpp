// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "trainer/dataset.hpp"

namespace trainer {

class SafetensorsFile;

/// Columns of a safetensors file: a tensor each, rows first ("input_ids" [N, T] int64, "labels" [N] ...), read at once
/// or, of a large file, as its rows are asked for. A column whose rows differ in length is two tensors: "input_ids",
/// the values of all rows one after another, and "input_ids.offsets" [N + 1] int64, where row i is
/// input_ids[offsets[i]:offsets[i + 1]]. Errors say which column is wrong.
class SafetensorsDataset : public Dataset {
 public:
  static constexpr std::uint64_t default_in_memory = std::uint64_t{256} << 20;  ///< bytes
  /// All of them, or those named in `columns`, in that order; names that the file does not have are passed over. Of
  /// more than `in_memory` bytes the rows stay in the file, offsets never.
  explicit SafetensorsDataset(const std::filesystem::path& file, const std::vector<std::string>& columns = {},
                              std::uint64_t in_memory = default_in_memory);
  ~SafetensorsDataset() override;

  std::int64_t size() const override { return rows_; }
  /// Rows of one batch must be of one length; DataCollatorWithPadding makes them so.
  Batch get_batch(const at::Tensor& indices) const override;
  std::vector<Row> get_rows(const at::Tensor& indices) const override;
  /// Of any column of the file, also of one that batches do not have.
  at::Tensor lengths(const std::string& column) const override;
  std::vector<std::string> columns() const;  ///< those that batches have
  std::vector<std::string> ragged() const;   ///< those of them with rows of several lengths
  const std::vector<std::string>& left_out() const { return left_out_; }  ///< other columns of the file

 private:
  static constexpr std::size_t none = static_cast<std::size_t>(-1);
  struct Column {
    std::size_t entry = none;  // of the file
    std::int64_t rows = 0;
    at::Tensor offsets = {};  // [rows + 1] int64; undefined where rows are of one length
    at::Tensor values = {};   // undefined where they stay in the file
  };
  std::size_t find(const std::string& name) const;
  Column open(std::size_t entry) const;
  at::Tensor read_offsets(std::size_t offsets, std::size_t values) const;
  void copy(const Column& column, std::int64_t first, at::Tensor to) const;
  at::Tensor rows_of(const Column& column, const at::Tensor& indices) const;
  std::vector<at::Tensor> ragged_rows_of(const Column& column, const at::Tensor& indices) const;

  std::unique_ptr<SafetensorsFile> file_;
  std::vector<Column> columns_;
  std::vector<std::string> left_out_;
  std::int64_t rows_ = 0;
};

}  // namespace trainer
