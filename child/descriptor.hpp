// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>

namespace trainer::child {

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

}  // namespace trainer::child
