// SPDX-License-Identifier: Apache-2.0
//
// Small reads, links, rights and locks by POSIX.
#include "shared/system/files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <thread>
#include <trainer/sdk/file.hpp>
#include <utility>

namespace trainer::plugins {

std::optional<std::string> read_file(const std::filesystem::path& path, std::error_code& error) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  struct stat info {};
  std::string bytes;
  char piece[16384];
  ssize_t n = -1;
  if (fd >= 0 && ::fstat(fd, &info) == 0 && S_ISREG(info.st_mode)) {
    while ((n = ::read(fd, piece, sizeof piece)) != 0) {
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) break;
      bytes.append(piece, static_cast<std::size_t>(n));
    }
  } else if (fd >= 0) {
    errno = EINVAL;
  }
  error = n == 0 ? std::error_code() : std::error_code(errno, std::generic_category());
  if (fd >= 0) ::close(fd);
  if (error) return std::nullopt;
  return bytes;
}

bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target) {
  const std::string temporary = link.string() + "." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return false;
  if (::rename(temporary.c_str(), link.c_str()) == 0) return true;
  ::unlink(temporary.c_str());
  return false;
}

bool can_be_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of(std::string_view("/\0", 2)) == name.npos;
}

void make_writable_directory(const std::filesystem::path& path) {
  sdk::make_directory(path);
  if (::access(path.c_str(), W_OK | X_OK) != 0) sdk::system_files::fail(path, "could not be written to", errno);
}

std::filesystem::path make_temporary_directory(const std::string& prefix) {
  std::string name = (std::filesystem::temp_directory_path() / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) sdk::system_files::fail(name, "could not be made", errno);
  return name;
}

FileLock::FileLock(FileLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FileLock::~FileLock() {
  if (file_ >= 0) ::close(static_cast<int>(file_));
}

FileLock FileLock::wait(const std::filesystem::path& path, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    FileLock lock;
    // For writing: a network file system gives this lock to nobody else.
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (fd < 0) return {};
    lock.file_ = fd;
    const bool held = ::flock(fd, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    struct stat ours {
    }, named{};
    const bool same = ::fstat(fd, &ours) == 0 && ::stat(path.c_str(), &named) == 0 && ours.st_ino == named.st_ino &&
                      ours.st_dev == named.st_dev;
    if (held && same) return lock;  // else it was renamed while this waited
    if (std::chrono::steady_clock::now() >= deadline) return {};
    if (!held) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
}

bool FileLock::take(const std::filesystem::path& path) {
  // For writing where that is allowed: network file systems lock no other file.
  int fd = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) return false;
  // A file system without locks answers otherwise than "held": then nobody can be asked.
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    ::close(fd);
    return false;
  }
  if (file_ >= 0) ::close(static_cast<int>(file_));
  file_ = fd;
  return true;
}

}  // namespace trainer::plugins
