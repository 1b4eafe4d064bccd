// SPDX-License-Identifier: Apache-2.0
//
// What the plugins ask of the file system beside <filesystem> and sdk/file.hpp.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
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

/// The file under a second name: by a hard link, or as a copy where that cannot be. Throws
/// std::filesystem::filesystem_error.
void link_or_copy(const std::filesystem::path& file, const std::filesystem::path& second);

/// Makes the directory if it is not there. Throws sdk::FileError also when no file can be made in it.
void make_writable_directory(const std::filesystem::path& path);

/// Whether the system can have an entry of a directory under that text.
bool can_be_name(std::string_view name);
/// The same of names with slashes between them.
bool can_be_path(std::string_view path);

/// Makes the directory `name` of the time, or of the first second after it that nobody has taken: two runs that
/// begin at once have one each. `nanoseconds`: since 1970. Throws sdk::FileError.
std::filesystem::path make_timed_directory(std::int64_t nanoseconds,
                                           const std::function<std::filesystem::path(std::int64_t nanoseconds)>& name);

/// A new empty directory for temporary files, whose name begins so. Throws sdk::FileError.
std::filesystem::path make_temporary_directory(const std::string& prefix);

/// The end of a life sign: held while a program writes a file, gone when it dies. Where the file system has no
/// locks, nobody can be asked, and everybody holds it.
class FileLock {
 public:
  FileLock() = default;
  /// Of the file that has this name when it is held; made when missing. After `limit` without it, and where the
  /// file cannot be opened.
  static FileLock wait(const std::filesystem::path& path, std::chrono::milliseconds limit);
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();
  /// False when another one holds it.
  bool take(const std::filesystem::path& path);

 private:
  std::intptr_t file_ = -1;  ///< a descriptor, on Windows a HANDLE
};

}  // namespace trainer::plugins
