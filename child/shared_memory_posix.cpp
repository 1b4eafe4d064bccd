// SPDX-License-Identifier: Apache-2.0
#include "child/shared_memory.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <system_error>

namespace trainer::child {
namespace {

[[noreturn]] void fail_memory(const std::string& what, int code) {
  throw std::system_error(code, std::generic_category(), what);
}

}  // namespace

SharedMemory::SharedMemory(std::size_t size) : size_(size) {
  static std::atomic<unsigned> counter{0};
  int fd = -1;
  do {  // a killed trainer may have left one, and containers may have the same numbers of processes
    name_ = "/trainer-" + std::to_string(::getpid()) + "-" + std::to_string(counter++);
    fd = ::shm_open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  } while (fd < 0 && errno == EEXIST);
  if (fd < 0) fail_memory("shared memory " + name_, errno);
  // Not ftruncate alone: pages that a full /dev/shm cannot give would be a bus error later.
  const int code = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  void* data = code == 0 ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  const int reason = code == 0 ? errno : code;
  ::close(fd);
  if (data == MAP_FAILED) {
    ::shm_unlink(name_.c_str());
    fail_memory("shared memory of " + std::to_string(size) + " bytes", reason);
  }
  data_ = static_cast<char*>(data);
}

SharedMemory::SharedMemory(const std::string& name, std::size_t size, bool writable) : name_(name), size_(size) {
  const int fd = ::shm_open(name.c_str(), writable ? O_RDWR : O_RDONLY, 0);
  if (fd < 0) fail_memory("shared memory " + name, errno);
  struct stat info {};
  const bool whole = ::fstat(fd, &info) == 0 && static_cast<std::size_t>(info.st_size) >= size;
  const int access = writable ? PROT_READ | PROT_WRITE : PROT_READ;
  void* data = whole ? ::mmap(nullptr, size, access, MAP_SHARED, fd, 0) : MAP_FAILED;
  const int reason = whole ? errno : EINVAL;
  ::close(fd);
  if (data == MAP_FAILED) fail_memory("shared memory " + name, reason);
  ::shm_unlink(name.c_str());  // nobody else opens it, and it must not outlive both
  data_ = static_cast<char*>(data);
}

SharedMemory::~SharedMemory() {
  ::munmap(data_, size_);
  ::shm_unlink(name_.c_str());  // the other process has done so, unless it is gone
}

}  // namespace trainer::child
