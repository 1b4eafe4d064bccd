// SPDX-License-Identifier: Apache-2.0
//
// Everything that the bridge asks of the operating system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace trainer::plugins {

/// A file descriptor, on Windows a socket; closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    if (this != &other) {
      close();
      fd_ = other.release();
    }
    return *this;
  }
  ~Descriptor() { close(); }
  int get() const { return fd_; }
  void close();

 private:
  int release() { return std::exchange(fd_, -1); }
  int fd_ = -1;
};

struct Pair {
  Descriptor ours, theirs;
};
Pair make_socket_pair();
Pair make_pipe();  ///< `ours` is read from, `theirs` written to
/// To the Python program that started the trainer: `where` it listens, as parent.py writes it.
Descriptor connect_to(const std::string& where);

/// Bytes moved, 0 at the end of file (receive), -1 when it would block; otherwise a
/// std::system_error.
std::ptrdiff_t send_some(int fd, const char* data, std::size_t size);
std::ptrdiff_t receive_some(int fd, char* data, std::size_t size);

struct Ready {
  bool readable = false, writable = false, woken = false;
};
/// Waits until `fd` can be read (or written, if wanted) or `wake` can be read.
Ready wait_for(int fd, bool to_write, int wake);
void wake(int fd);
void drain(int fd);

/// A child in a process group of its own, on Windows a job, so that its helpers can be ended with it.
class Process {
 public:
  /// The null device is its stdin, our stderr its stdout, child_environment() its variables. A stream to us is its
  /// descriptor 3; on Windows it connects to the port of 127.0.0.1 and shows the token that TRAINER_BRIDGE_CHILD has.
  /// Throws std::system_error when `command[0]` (looked up in PATH) cannot be started.
  explicit Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& changed = {});
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Our end of the stream, once; waited for at most so long. std::system_error when the child did not come.
  Descriptor connection(double seconds);

  /// How it ended ("exit status 1", "signal 11"; empty for status 0), or nothing while it runs.
  std::optional<std::string> ended();
  /// ended(), waited for at most so long.
  std::optional<std::string> wait(double seconds);
  /// Ends it and what it started.
  void kill();

 private:
  std::intptr_t process_ = -1, group_ = -1;  ///< numbers, on Windows HANDLEs
  Descriptor stream_;
  std::string token_;
  std::optional<std::string> ended_;
};

/// Shared memory that another process opens by its name; the name goes with this object, and the
/// memory with its last user.
class SharedMemory {
 public:
  explicit SharedMemory(std::size_t size);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  const std::string& name() const { return name_; }
  char* data() { return data_; }

 private:
  std::string name_;
  std::size_t size_;
  std::intptr_t mapping_ = -1;  ///< on Windows a HANDLE: there the name goes with the last of these
  char* data_ = nullptr;
};

}  // namespace trainer::plugins
