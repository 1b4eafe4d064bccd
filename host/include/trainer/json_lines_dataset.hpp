// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <filesystem>
#include <string>
#include <vector>

#include "trainer/dataset.hpp"

namespace trainer {

/// JSON Lines, an object a row, read one after another from a file or a pipe: {"input_ids": [5, 7, 2], "labels": 1}.
/// Numbers and lists of them become tensors as in Python: whole numbers int64, others float32, true and false bool. The
/// first row decides what a column is; a whole number in one of float32 is fine. "label" and "label_ids" are "labels".
/// A mistake is a usage Error data.invalid that names file and line.
class JsonLinesDataset : public IterableDataset {
 public:
  /// `path` "-": stdin. The rows have these columns of theirs, or all. One that a row lacks is an Error unless it is
  /// `optional`.
  explicit JsonLinesDataset(std::filesystem::path path, std::vector<std::string> columns = {},
                            std::vector<std::string> optional = {"labels"});
  /// It ends before the dataset does. A pipe can be read once: another stream of it has no rows, and a warning says so.
  RowStream stream(std::int64_t epoch) const override;
  bool reads_once() const { return reads_once_; }
  const std::filesystem::path& path() const { return path_; }

 private:
  class Reader;

  std::filesystem::path path_;
  std::vector<std::string> columns_, optional_;
  bool reads_once_;
  mutable std::atomic<bool> read_ = false, told_ = false;
};

}  // namespace trainer
