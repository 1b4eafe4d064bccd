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
/// or, of a large file, as its rows are asked for. Errors say which column is wrong.
class SafetensorsDataset : public Dataset {
 public:
  static constexpr std::uint64_t default_in_memory = std::uint64_t{256} << 20;  ///< bytes
  /// All of them, or those named in `columns`, in that order; names that the file does not have are passed over. Of
  /// more than `in_memory` bytes the rows stay in the file.
  explicit SafetensorsDataset(const std::filesystem::path& file, const std::vector<std::string>& columns = {},
                              std::uint64_t in_memory = default_in_memory);
  ~SafetensorsDataset() override;

  std::int64_t size() const override { return rows_; }
  Batch get_batch(const at::Tensor& indices) const override;
  std::vector<std::string> columns() const;                               ///< those that batches have
  const std::vector<std::string>& left_out() const { return left_out_; }  ///< other columns of the file

 private:
  std::unique_ptr<SafetensorsFile> file_;
  std::vector<std::size_t> entries_;  // of the file, by column
  std::vector<std::string> left_out_;
  std::int64_t rows_ = 0;
  std::unique_ptr<TensorDataset> memory_;  // null where they stay in the file
};

}  // namespace trainer
