// SPDX-License-Identifier: Apache-2.0
//
// CSV as RFC 4180 has it, with "\n" between rows: taken apart for resuming, put together for
// writing.
#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::csv {

/// Appends a cell, in quotes when it needs them. An empty text is written as "", a missing cell not
/// at all.
void append_text_cell(std::string& out, std::string_view text);

/// The cells of one row, without quotes.
std::vector<std::string> split_row(std::string_view row);

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
