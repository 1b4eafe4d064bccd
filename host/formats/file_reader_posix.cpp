// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "formats/file_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {

FileReader::FileReader(const std::filesystem::path& path, const FileRole& role) : name_(path.string()), role_(role) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    throw_run(error_id::file_read_failed,
              name_ + ": cannot open the file (" + std::strerror(errno) + "); check the path");
  struct stat info {};
  if (::fstat(fd, &info) != 0 || !S_ISREG(info.st_mode)) {
    ::close(fd);
    throw_run(error_id::file_read_failed, name_ + ": is not a regular file; check the path");
  }
  file_ = fd;
  size_ = static_cast<std::uint64_t>(info.st_size);
}

FileReader::~FileReader() { ::close(static_cast<int>(file_)); }

void FileReader::read(std::uint64_t at, void* to, std::uint64_t bytes) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 1u << 30));
    const ssize_t n = ::pread(static_cast<int>(file_), next, piece, static_cast<off_t>(at));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw_run(error_id::file_read_failed,
                name_ + ": cannot read the file (" + std::strerror(errno) + "); check the disk");
    if (n == 0) role_.fail(name_ + ": found no more bytes at " + std::to_string(at));
    next += n;
    at += static_cast<std::uint64_t>(n);
    bytes -= static_cast<std::uint64_t>(n);
  }
}

}  // namespace trainer
