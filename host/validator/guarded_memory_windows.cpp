// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <cstring>
#include <new>

#include "validator/guarded_memory.hpp"

namespace trainer::validator {
namespace {

constexpr std::size_t kept = 256;

}  // namespace

GuardedMemory::~GuardedMemory() {
  for (const Block& block : blocks_) ::VirtualFree(block.begin, 0, MEM_RELEASE);
}

void* GuardedMemory::place(const void* object, std::size_t size, bool writable) {
  SYSTEM_INFO system{};
  ::GetSystemInfo(&system);
  const std::size_t page = system.dwPageSize;
  const std::size_t used = (size + page - 1) / page * page;
  void* begin = ::VirtualAlloc(nullptr, used + page, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  if (!begin) throw std::bad_alloc();
  blocks_.push_back({begin, used + page, false});
  char* copy = static_cast<char*>(begin) + (used - size);
  std::memcpy(copy, object, size);
  DWORD before = 0;
  ::VirtualProtect(static_cast<char*>(begin) + used, page, PAGE_NOACCESS, &before);
  if (!writable) ::VirtualProtect(begin, used, PAGE_READONLY, &before);
  return copy;
}

void GuardedMemory::expire() {
  DWORD before = 0;
  for (auto block = blocks_.rbegin(); block != blocks_.rend() && !block->expired; ++block) {
    ::VirtualProtect(block->begin, block->size, PAGE_NOACCESS, &before);
    block->expired = true;
  }
  for (; blocks_.size() > kept; blocks_.pop_front()) ::VirtualFree(blocks_.front().begin, 0, MEM_RELEASE);
}

}  // namespace trainer::validator
