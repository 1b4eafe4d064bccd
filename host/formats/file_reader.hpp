// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>

#include "formats/file_role.hpp"

namespace trainer {

/// A regular file opened for reading pieces of it. Nothing is mapped: a file that something else cuts short while it is
/// read is an Error, where a mapped one would end the process.
class FileReader {
 public:
  /// An Error when it cannot be opened or is no regular file.
  explicit FileReader(const std::filesystem::path& path, const FileRole& role = of_checkpoint);
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  const std::string& name() const { return name_; }  ///< for sentences
  const FileRole& role() const { return role_; }
  std::uint64_t size() const { return size_; }  ///< bytes, when it was opened

  /// Exactly `bytes` from `at`; an Error when they are not there (any more).
  void read(std::uint64_t at, void* to, std::uint64_t bytes) const;
  std::string read(std::uint64_t at, std::uint64_t bytes) const;

 private:
  /// Bytes read into `to`, 0 at the end of the file; an Error when the system refuses.
  std::size_t read_some(std::uint64_t at, char* to, std::size_t bytes) const;
  [[noreturn]] void refuse(const char* what, const std::string& reason) const;

  std::string name_;
  FileRole role_;
  std::intptr_t file_ = -1;  ///< a descriptor, on Windows a HANDLE
  std::uint64_t size_ = 0;
};

}  // namespace trainer
