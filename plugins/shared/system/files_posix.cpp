// SPDX-License-Identifier: Apache-2.0
//
// Small reads, quick replacements, links and locks by POSIX.
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

void replace_quickly(const std::filesystem::path& path, std::string_view bytes) {
  const std::string temporary = path.string() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) sdk::posix::fail(temporary, "could not be opened for writing", errno);
  int code = 0;
  sdk::posix::write(fd, bytes, code);
  if (::close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(temporary.c_str(), path.c_str()) == 0) return;
  if (code == 0) code = errno;
  ::unlink(temporary.c_str());
  sdk::posix::fail(path, "could not be replaced (it is as it was)", code);
}

bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target) {
  const std::string temporary = link.string() + "." + std::to_string(::getpid());
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return false;
  if (::rename(temporary.c_str(), link.c_str()) == 0) return true;
  ::unlink(temporary.c_str());
  return false;
}

void link_or_copy(const std::filesystem::path& file, const std::filesystem::path& second) {
  std::error_code error;  // a second name of a link would be another link, which may lead nowhere
  if (!std::filesystem::is_symlink(file, error)) {
    std::filesystem::create_hard_link(file, second, error);
    if (!error) return;
  }
  std::filesystem::copy_file(file, second);
}

void make_writable_directory(const std::filesystem::path& path) {
  sdk::make_directory(path);
  if (::access(path.c_str(), W_OK | X_OK) != 0) sdk::posix::fail(path, "could not be written to", errno);
}

std::filesystem::path make_timed_directory(std::int64_t nanoseconds,
                                           const std::function<std::filesystem::path(std::int64_t nanoseconds)>& name) {
  for (;; nanoseconds += 1'000'000'000) {
    const std::filesystem::path path = name(nanoseconds);
    sdk::make_directory(path.parent_path());
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    if (errno != EEXIST) sdk::posix::fail(path, "could not be made a directory", errno);
  }
}

std::filesystem::path make_temporary_directory(const std::string& prefix) {
  std::string name = (std::filesystem::temp_directory_path() / (prefix + "XXXXXX")).string();
  if (::mkdtemp(name.data()) == nullptr) sdk::posix::fail(name, "could not be made", errno);
  return name;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

FileLock FileLock::wait(const std::filesystem::path& path, std::chrono::milliseconds limit) {
  const auto deadline = std::chrono::steady_clock::now() + limit;
  for (;;) {
    FileLock lock;
    // For writing: a network file system gives this lock to nobody else.
    lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
    if (lock.fd_ < 0) return {};
    const bool held = ::flock(lock.fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK;
    struct stat ours {
    }, named{};
    const bool same = ::fstat(lock.fd_, &ours) == 0 && ::stat(path.c_str(), &named) == 0 &&
                      ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
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
  if (fd_ >= 0) ::close(fd_);
  fd_ = fd;
  return true;
}

}  // namespace trainer::plugins
