// SPDX-License-Identifier: Apache-2.0
//
// What the plugin asks of the operating system beside sdk/file.hpp; system_posix.cpp is the file to
// port.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::dvclive {

std::int64_t process_id();

/// A new empty directory for temporary files.
std::filesystem::path make_temporary_directory();

/// Replaces the file at once, but without waiting for the disk: it survives the death of the process,
/// not that of the machine. Throws sdk::FileError.
void replace_quickly(const std::filesystem::path& path, std::string_view bytes);

struct Finished {
  bool found = false;      ///< the program exists
  bool timed_out = false;  ///< it ran longer than the limit, and was killed with its children
  int status = -1;         ///< its exit status
  std::string output;      ///< the end of what it printed
};

/// Runs a program of PATH in the current directory and waits for it, at most `limit`.
Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit);

}  // namespace trainer::dvclive
