// SPDX-License-Identifier: Apache-2.0
//
// What the plugins ask of the file system beside <filesystem> and sdk/file.hpp.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace trainer::plugins {

/// The whole of a small file, such as one of sysfs. `error` says why there is none.
std::optional<std::string> read_file(const std::filesystem::path& path, std::error_code& error);

/// Replaces the file at once, but without waiting for the disk: it survives the death of the process,
/// not that of the machine. Throws sdk::FileError.
void replace_quickly(const std::filesystem::path& path, std::string_view bytes);

/// Makes the link, in one step, where the system has links; whether it did.
bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

/// Makes the directory if it is not there. Throws sdk::FileError also when no file can be made in it.
void make_writable_directory(const std::filesystem::path& path);

/// A new empty directory for temporary files, whose name begins so. Throws sdk::FileError.
std::filesystem::path make_temporary_directory(const std::string& prefix);

/// The end of a life sign: held while a program writes a file, gone when it dies.
class FileLock {
 public:
  FileLock() = default;
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();
  /// False when another one holds it.
  bool take(const std::filesystem::path& path);

 private:
  int fd_ = -1;
};

}  // namespace trainer::plugins
