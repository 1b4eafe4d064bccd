// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

/// Files that are either whole or not there, and those that somebody else made.
namespace trainer {

/// The whole file; an Error that names it when it is missing, unreadable or not a regular file.
std::string read_file(const std::filesystem::path& path);

/// Writes to `path` + ".tmp", flushes to the disk, renames. On failure an Error, and no trace is
/// left.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// A file that somebody named for a result, such as `--output`: what is there is written to and never
/// taken away, and what is read is never written.
class ResultFile {
 public:
  /// An Error that names the `option` when it is one of the `inputs` (files, or directories of them), a
  /// directory, or below none: before anything is computed for it.
  ResultFile(std::filesystem::path path, std::string option, const std::vector<std::filesystem::path>& inputs = {});
  const std::filesystem::path& path() const { return path_; }
  /// A regular file, also behind a link, is replaced as replace_file() does and keeps its mode. All else
  /// (a device, a pipe, what stdout goes to, a file with several names) is written in place.
  void write(std::string_view bytes) const;
  /// Whether it is what stdout goes to, so that nothing else should be printed there.
  bool is_stdout() const;

 private:
  std::filesystem::path path_;
};

/// Puts the directory `from` in the place of `to`, in one step where the system can; `to` need not
/// exist. What was there is removed.
void replace_directory(const std::filesystem::path& from, const std::filesystem::path& to);

/// Flushes a file's bytes, or a directory's entries, to the disk.
void sync_file(const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& path);

/// Makes the directory and those above it; an Error when it cannot be made or written to.
void require_writable_directory(const std::filesystem::path& path, std::string_view what);

}  // namespace trainer
