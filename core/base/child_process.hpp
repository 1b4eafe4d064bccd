// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace trainer {

/// A program that is run for one answer: it writes a record of one line
/// to descriptor 3, on Windows to a handle that a variable names. What it does
/// instead (a crash, a hang, an exit with status 0) is told apart from that.
struct ChildProcess {
  std::vector<std::string> command;                       ///< the program's path first
  std::optional<std::vector<std::string>> environment{};  ///< NAME=value; this process's by default
  std::filesystem::path directory{};                      ///< to work in; this process's by default
  std::filesystem::path printed{};                        ///< what it prints is appended here; empty: thrown away
  double limit_s = 10;                                    ///< then it is killed, with what it started in its session
};

struct ChildEnd {
  std::string record;   ///< without its line end; empty when there was no whole one
  std::string ending;   ///< "exit status 0", "signal 11 (Segmentation fault)"
  bool good = false;    ///< exit status 0
  bool killed = false;  ///< at the limit
  double seconds = 0;
};

/// Waits for it. A run Error when it cannot be started.
ChildEnd run_child(const ChildProcess& child);

/// The same for a function: it runs in a copy of this process, with this one's memory, files, command line and
/// environment, but alone of its threads, without input, and with its output thrown away. `record` is what the function
/// returns, which must be one line; that it ends by exit() or a crash is seen, as of a program. Windows has no copies,
/// and no such function.
ChildEnd run_copy(const std::function<std::string()>& work, double limit_s);

/// The child's side: writes the record, and gives the exit status for it.
int write_record(const std::string& line);

/// The child's side, first of all: no core dump, and nothing that it starts gets the descriptor.
void begin_child();

}  // namespace trainer
