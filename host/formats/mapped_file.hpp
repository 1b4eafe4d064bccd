// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <string_view>

namespace trainer {

/// A file in memory, read by the system as it is looked at. What is written to it stays in this process. Its size is
/// that of the moment it was opened: a file that something else cuts short afterwards must not be looked at.
class MappedFile {
 public:
  /// An Error when it cannot be opened or is no regular file.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;

  char* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::string_view bytes() const { return {data_, size_}; }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace trainer
