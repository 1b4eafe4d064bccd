// SPDX-License-Identifier: Apache-2.0
#include "child/windows.hpp"

#include <atomic>
#include <system_error>

#include "child/shared_memory.hpp"

namespace trainer::child {
namespace {

/// The memory seen by this process; with it closes what shows nothing.
char* view_of(HANDLE mapping, std::size_t size, bool writable, const std::string& what) {
  const DWORD access = writable ? FILE_MAP_ALL_ACCESS : FILE_MAP_READ;
  void* const data = mapping != nullptr ? ::MapViewOfFile(mapping, access, 0, 0, size) : nullptr;
  if (data != nullptr) return static_cast<char*>(data);
  const auto code = static_cast<int>(::GetLastError());
  if (mapping != nullptr) ::CloseHandle(mapping);
  throw std::system_error(code, std::system_category(), what);
}

}  // namespace

SharedMemory::SharedMemory(std::size_t size) : size_(size) {
  static std::atomic<unsigned> counter{0};
  name_ = "trainer-" + std::to_string(::GetCurrentProcessId()) + "-" + std::to_string(counter++);
  const HANDLE mapping = ::CreateFileMappingW(INVALID_HANDLE_VALUE, nullptr, PAGE_READWRITE,
                                              static_cast<DWORD>(static_cast<unsigned long long>(size) >> 32),
                                              static_cast<DWORD>(size), windows::wide(name_).c_str());
  data_ = view_of(mapping, size, true, "shared memory of " + std::to_string(size) + " bytes");
  mapping_ = reinterpret_cast<std::intptr_t>(mapping);
}

SharedMemory::SharedMemory(const std::string& name, std::size_t size, bool writable) : name_(name), size_(size) {
  const HANDLE mapping =
      ::OpenFileMappingW(writable ? FILE_MAP_ALL_ACCESS : FILE_MAP_READ, FALSE, windows::wide(name).c_str());
  data_ = view_of(mapping, size, writable, "shared memory " + name);
  mapping_ = reinterpret_cast<std::intptr_t>(mapping);
}

SharedMemory::~SharedMemory() {
  ::UnmapViewOfFile(data_);
  ::CloseHandle(reinterpret_cast<HANDLE>(mapping_));
}

}  // namespace trainer::child
