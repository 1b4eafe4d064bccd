// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <utility>

namespace trainer::validator {

/// Places objects so that a plugin that reads past their end, or after their time, crashes there.
class GuardedMemory {
 public:
  GuardedMemory() = default;
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;
  ~GuardedMemory();

  /// A copy that ends where an unreadable page begins; `size` must keep the object's alignment.
  /// `writable` false: writing it crashes, too.
  void* place(const void* object, std::size_t size, bool writable);
  /// Makes all that was placed unreadable. The last few stay in the address space, so that nothing
  /// else comes to lie there.
  void expire();

 private:
  struct Block {
    void* begin;
    std::size_t size;
    bool expired;
  };
  std::deque<Block> blocks_;
};

}  // namespace trainer::validator
