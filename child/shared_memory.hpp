// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace trainer::child {

/// Shared memory that another process opens by its name; the name goes with this object, and the
/// memory with its last user.
class SharedMemory {
 public:
  /// New memory, all zero. Throws std::system_error when there is not so much.
  explicit SharedMemory(std::size_t size);
  /// What another process made; its name is gone then. Throws std::system_error when there is none of that name or it
  /// is smaller.
  SharedMemory(const std::string& name, std::size_t size, bool writable);
  ~SharedMemory();
  SharedMemory(const SharedMemory&) = delete;
  SharedMemory& operator=(const SharedMemory&) = delete;
  const std::string& name() const { return name_; }
  char* data() const { return data_; }
  std::size_t size() const { return size_; }

 private:
  std::string name_;
  std::size_t size_;
  std::intptr_t mapping_ = -1;  ///< on Windows a HANDLE: there the name goes with the last of these
  char* data_ = nullptr;
};

}  // namespace trainer::child
