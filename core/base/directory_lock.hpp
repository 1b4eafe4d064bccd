// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

namespace trainer {

/// The right of one process to train into a directory. It is a lock of the system on the file
/// `.training.lock` there, which says who has it and since when,
///
///     {"pid": 4711, "host": "node7", "start": "2026-01-31 10:00:00 UTC"}
///
/// and is removed when the lock is given back. A process that is killed loses the lock and leaves the file.
class DirectoryLock {
 public:
  static constexpr const char* file_name = ".training.lock";

  /// This process's lock of the directory, until the last one that was given is gone. An Error that names
  /// the other process when another one has it. Where nothing can be locked (a file system without locks,
  /// a full disk) that is a warning, and only a living process of this host is refused for.
  static std::shared_ptr<DirectoryLock> take(const std::filesystem::path& directory);
  ~DirectoryLock();
  DirectoryLock(const DirectoryLock&) = delete;

  /// Who of another process has the lock of the directory, for a sentence; empty: nobody, as far as can be seen.
  static std::string holder(const std::filesystem::path& directory);

  /// Within this process: until what it returns is gone, another call is an Error.
  std::shared_ptr<void> begin_training();

 private:
  explicit DirectoryLock(std::filesystem::path directory);

  std::filesystem::path directory_, file_;
  std::intptr_t descriptor_ = -1;  // of the file, on Windows its handle; none in a process that was forked off
  std::atomic<bool> busy_ = false;
  friend struct DirectoryLocks;
};

}  // namespace trainer
