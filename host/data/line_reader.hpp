// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace trainer {

/// Lines of a file or a pipe, one after another.
class LineReader {
 public:
  /// Of a named pipe it waits for who writes into it; "-" is stdin. An Error when it cannot be opened.
  explicit LineReader(const std::filesystem::path& path);
  ~LineReader();
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;

  /// The next line that is not blank, without its end; false when there is none. An Error for one of more than 64 MiB.
  bool next(std::string& line);
  std::int64_t number() const { return number_; }  ///< of the last line, from 1
  std::string at() const;                          ///< "FILE line 3"

  /// Whether it is no file, so that its lines come once.
  static bool reads_once(const std::filesystem::path& path);

 private:
  bool fill();

  std::string name_;
  std::intptr_t file_ = -1;  ///< a descriptor, on Windows a HANDLE
  std::vector<char> buffer_;
  std::size_t begin_ = 0, end_ = 0;
  std::int64_t number_ = 0;
};

}  // namespace trainer
