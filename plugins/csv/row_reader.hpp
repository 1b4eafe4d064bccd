// SPDX-License-Identifier: Apache-2.0
//
// The rows of a CSV file, one after the other, for resuming.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace trainer::csv {

/// Reads whole rows; one that the file breaks off in does not count.
class RowReader {
 public:
  explicit RowReader(const std::filesystem::path& path);

  /// The next row without its end of line ("\n" or "\r\n"); false after the last whole one.
  bool next(std::string& row);

  /// Bytes up to the end of the last row that next() gave.
  std::uint64_t end() const { return end_; }

 private:
  std::ifstream in_;
  std::string line_;
  std::uint64_t end_ = 0;
};

}  // namespace trainer::csv
