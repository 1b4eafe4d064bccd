// SPDX-License-Identifier: Apache-2.0
//
// Counts this program's allocations with operator new, those of loaded plugins included. Include it
// in one file of a test program.
#pragma once

#include <atomic>
#include <cstdlib>
#include <new>

namespace trainer::test {
inline std::atomic<long> allocations{0};
}

// Not inlined: g++ would see the free() of what it takes for its own operator new, and warn.
__attribute__((noinline)) void* operator new(std::size_t size) {
  ++trainer::test::allocations;
  if (void* memory = std::malloc(size != 0 ? size : 1)) return memory;
  throw std::bad_alloc();
}
__attribute__((noinline)) void operator delete(void* memory) noexcept { std::free(memory); }
__attribute__((noinline)) void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
