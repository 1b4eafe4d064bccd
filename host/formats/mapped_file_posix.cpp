// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "formats/mapped_file.hpp"
#include "trainer/error.hpp"

namespace trainer {

MappedFile::MappedFile(const std::filesystem::path& path) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0)
    throw_run(error_id::file_read_failed,
              path.string() + ": cannot open the file (" + std::strerror(errno) + "); check the path");
  struct stat info {};
  if (::fstat(descriptor, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(descriptor);
    throw_run(error_id::file_read_failed, path.string() + ": is not a regular file; check the path");
  }
  size_ = static_cast<std::size_t>(info.st_size);
  void* memory = nullptr;
  if (size_ > 0) memory = ::mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE, descriptor, 0);
  const int error = errno;
  ::close(descriptor);
  if (memory == MAP_FAILED)
    throw_run(error_id::file_read_failed,
              path.string() + ": cannot read the file (" + std::strerror(error) + "); free some memory");
  data_ = static_cast<char*>(memory);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) ::munmap(data_, size_);
}

}  // namespace trainer
