// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "formats/file_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {

FileReader::FileReader(const std::filesystem::path& path, const FileRole& role) : name_(path.string()), role_(role) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) refuse("open", std::strerror(errno));
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw_run(error_id::file_read_failed, name_ + ": is not a regular file; check the path");
  }
  file_ = fd;
  size_ = static_cast<std::uint64_t>(info.st_size);
}

FileReader::~FileReader() { ::close(static_cast<int>(file_)); }

std::size_t FileReader::read_some(std::uint64_t at, char* to, std::size_t bytes) const {
  ssize_t n = 0;
  do n = ::pread(static_cast<int>(file_), to, bytes, static_cast<off_t>(at));
  while (n < 0 && errno == EINTR);
  if (n < 0) refuse("read", std::strerror(errno));
  return static_cast<std::size_t>(n);
}

}  // namespace trainer
