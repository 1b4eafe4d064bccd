// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// Files that are either whole or not there.
namespace trainer {

/// The whole file; an Error that names it when it is missing, unreadable or not a regular file.
std::string read_file(const std::filesystem::path& path);

/// Writes to `path` + ".tmp", flushes to the disk, renames. On failure an Error, and no trace is
/// left.
void replace_file(const std::filesystem::path& path, std::string_view bytes);

/// Puts the directory `from` in the place of `to`, in one step where the system can; `to` need not
/// exist. What was there is removed.
void replace_directory(const std::filesystem::path& from, const std::filesystem::path& to);

/// Flushes a file's bytes, or a directory's entries, to the disk.
void sync_file(const std::filesystem::path& path);
void sync_directory(const std::filesystem::path& path);

/// Makes the directory and those above it; an Error when it cannot be made or written to.
void require_writable_directory(const std::filesystem::path& path, std::string_view what);

}  // namespace trainer
