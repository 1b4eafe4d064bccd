// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "child/stream.hpp"

namespace trainer::child {

struct Program {
  std::vector<std::string> command;      ///< the first word is a path or a name of PATH
  std::vector<std::string> environment;  ///< NAME=value, all of them
  bool printed = false;                  ///< what it prints is for printed(); else it goes to our stderr
  bool session = false;                  ///< of its own, so that it has no terminal; else a group of its own
  bool ends_all = false;  ///< what it started is ended when it has ended, in whatever session; on Windows and Linux
};

/// A child in a process group of its own, on Windows a job, so that its helpers can be ended with it.
class Process {
 public:
  /// The null device is its stdin. A stream to us is its descriptor 3; on Windows it connects to the port of 127.0.0.1
  /// and shows the token that the variable TRAINER_CHILD_STREAM has, PORT:TOKEN. A child in C++ calls parent_stream().
  /// Throws std::system_error when the program cannot be started.
  explicit Process(const Program& program);
  ~Process();  ///< kill()
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Our end of the stream, once; waited for at most so long. std::system_error when the child did not come.
  Descriptor connection(double seconds);

  /// What it printed since the last call, waited for at most so long; nothing when nothing will come any more.
  std::optional<std::string> printed(double seconds);

  /// How it ended ("exit status 1", "signal 11"; empty for status 0), or nothing while it runs.
  std::optional<std::string> ended();
  /// ended(), waited for at most so long.
  std::optional<std::string> wait(double seconds);
  /// Ends it and what it started.
  void kill();
  /// The same of one that does it itself when it is asked to, on POSIX by SIGTERM; for so long it is waited for.
  void stop(double seconds);
  std::int64_t id() const { return id_; }

 private:
  void end_all() const;

  bool ends_all_;
  std::string mark_;  ///< in the environment of all that it starts, with ends_all
  std::int64_t id_ = -1;
  std::intptr_t process_ = -1, group_ = -1;  ///< numbers, on Windows HANDLEs
  std::intptr_t pipe_ = -1;                  ///< on Windows a HANDLE, of what it prints
  Descriptor stream_, output_;
  std::string token_;
  std::optional<std::string> ended_;
};

/// In a child: the stream to the process that started it, once. Does not block, and nothing that the child starts
/// inherits it. std::system_error when there is none.
Descriptor parent_stream();

}  // namespace trainer::child
