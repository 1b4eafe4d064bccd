// SPDX-License-Identifier: Apache-2.0
//
// A child process of Windows.
#pragma once

#include "child/windows.hpp"

#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

namespace trainer::child::windows {

/// A program that runs. All that it starts belongs to its job, with which it can be ended.
struct Child {
  Handle process, job;

  /// Whether it ended within the time, and its status.
  bool wait(std::chrono::milliseconds limit, DWORD& status) const;
  void kill() const { ::TerminateJobObject(job.get(), 1); }
};

struct ChildOptions {
  HANDLE output = nullptr;               ///< its stdout and stderr; our stderr for null
  bool dies_with_us = true;              ///< else it goes on when this process ends
  std::filesystem::path directory = {};  ///< to work in; this process's by default
  HANDLE given = nullptr;                ///< inherited, too, under its own number; it inherits no other
};

/// Starts the program with the words of `command`, of which the first is its name, and with these variables,
/// NAME=value. Throws std::system_error when it cannot be started.
Child start(const std::filesystem::path& program, const std::vector<std::string>& command,
            const std::vector<std::string>& environment, const ChildOptions& options);

/// A program on PATH, or empty.
std::filesystem::path find_program(const std::string& name);
/// The file of a command's first word, which is a path or a name of PATH.
std::filesystem::path program_of(const std::vector<std::string>& command);

/// "exit status 1", "exception 0xC0000005 (access violation)".
std::string ending_of(DWORD status);

}  // namespace trainer::child::windows
