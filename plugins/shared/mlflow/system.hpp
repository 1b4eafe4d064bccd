// SPDX-License-Identifier: Apache-2.0
//
// What the MLflow client asks of the system; a port replaces system_posix.cpp.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

namespace trainer::plugins::mlflow {

/// The variable's text; empty when it is not set.
std::string environment(const char* name);

std::string user_name();          ///< as Python's getpass.getuser(); "unknown" when there is none
std::string program_name();       ///< argv[0]
std::filesystem::path home();     ///< of the user; empty when unknown
std::int64_t milliseconds_now();  ///< since 1970
int process_id();
void block_signals_of_this_thread();  ///< they are the trainer's

/// The end of a life sign: held while a program writes a journal, gone when it dies.
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

}  // namespace trainer::plugins::mlflow
