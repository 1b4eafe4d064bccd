// SPDX-License-Identifier: Apache-2.0
#include "validator/guarded_memory.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <new>

namespace trainer::validator {
namespace {

constexpr std::size_t kept = 256;

}  // namespace

GuardedMemory::~GuardedMemory() {
  for (const Block& block : blocks_) ::munmap(block.begin, block.size);
}

void* GuardedMemory::place(const void* object, std::size_t size, bool writable) {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t used = (size + page - 1) / page * page;
  void* begin = ::mmap(nullptr, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (begin == MAP_FAILED) throw std::bad_alloc();
  blocks_.push_back({begin, used + page, false});
  char* copy = static_cast<char*>(begin) + (used - size);
  std::memcpy(copy, object, size);
  ::mprotect(static_cast<char*>(begin) + used, page, PROT_NONE);
  if (!writable) ::mprotect(begin, used, PROT_READ);
  return copy;
}

void GuardedMemory::expire() {
  for (auto block = blocks_.rbegin(); block != blocks_.rend() && !block->expired; ++block) {
    ::mprotect(block->begin, block->size, PROT_NONE);
    block->expired = true;
  }
  for (; blocks_.size() > kept; blocks_.pop_front()) ::munmap(blocks_.front().begin, blocks_.front().size);
}

}  // namespace trainer::validator
