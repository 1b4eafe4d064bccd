// SPDX-License-Identifier: Apache-2.0
//
// A child process of Windows.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "shared/system/windows.hpp"

namespace trainer::plugins::windows {

/// A program that runs. All that it starts belongs to its job, with which it can be ended.
struct Child {
  Handle process, job;

  /// Whether it ended within the time, and its status.
  bool wait(std::chrono::milliseconds limit, DWORD& status) const;
  void kill() const { ::TerminateJobObject(job.get(), 1); }
};

struct ChildOptions {
  HANDLE output = nullptr;   ///< its stdout and stderr, inherited, and no other handle; our stderr for null
  bool dies_with_us = true;  ///< else it goes on when this process ends
};

/// Starts the program with the words of `command`, of which the first is its name, and with these variables. Throws
/// std::system_error when it cannot be started.
Child start(const std::filesystem::path& program, const std::vector<std::string>& command,
            const std::map<std::string, std::string>& variables, const ChildOptions& options);

}  // namespace trainer::plugins::windows
