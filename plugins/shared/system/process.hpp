// SPDX-License-Identifier: Apache-2.0
//
// This process, and programs that it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace trainer::plugins {

std::int64_t process_id();
std::string program_name();           ///< argv[0]
void block_signals_of_this_thread();  ///< they are the trainer's

/// A program on PATH, or empty.
std::filesystem::path find_program(const std::string& name);

struct Finished {
  bool found = false;      ///< the program exists
  bool timed_out = false;  ///< it ran longer than the limit, and was killed with its children
  int status = -1;         ///< its exit status
  std::string output;      ///< the end of what it printed
};

/// Runs a program of PATH in the current directory and waits for it, at most `limit`.
Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit);

/// Starts `arguments` with its output in `log` and with `changed` variables (environment.hpp), and waits for at most
/// `limit`; it goes on after that. Its exit status, -1 when it still runs, -2 when it could not be started.
int start_program(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                  std::chrono::duration<double> limit, const std::map<std::string, std::string>& changed = {});

}  // namespace trainer::plugins
