// SPDX-License-Identifier: Apache-2.0
//
// The records of a file, one after the other.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace trainer::plugins {

/// Reads what RecordFile writes, and ends at the first thing that is torn or damaged.
class RecordReader {
 public:
  /// Nothing is read when the file is missing or begins with something else.
  RecordReader(const std::filesystem::path& path, std::string_view header);

  bool next(std::string& record);

 private:
  std::ifstream in_;
  std::size_t offset_ = 0;
};

}  // namespace trainer::plugins
