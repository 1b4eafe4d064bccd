// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace {

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
};

std::string reason() { return std::strerror(errno); }

void write_all(int fd, std::string_view bytes, const std::filesystem::path& path) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0)
      throw_run(error_id::file_write_failed, path.string() + " could not be written: " + reason() +
                                                 (errno == ENOSPC ? "; free some space and start again" : ""));
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

void sync_path(const std::filesystem::path& path, int flags) {
  Descriptor file{::open(path.c_str(), flags | O_CLOEXEC)};
  if (file.fd < 0 || ::fsync(file.fd) != 0)
    throw_run(error_id::file_write_failed, path.string() + " could not be flushed to the disk: " + reason());
}

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  // Non-blocking, so that a named pipe is refused instead of waited for.
  Descriptor file{::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
  struct stat info {};
  if (file.fd < 0 || ::fstat(file.fd, &info) != 0)
    throw_usage(error_id::file_read_failed, path.string() + " could not be opened: " + reason());
  if (!S_ISREG(info.st_mode)) throw_usage(error_id::file_read_failed, path.string() + " is not a regular file");
  std::string bytes;
  bytes.resize(static_cast<std::size_t>(info.st_size));
  std::size_t have = 0;
  while (have < bytes.size()) {
    const ssize_t n = ::read(file.fd, bytes.data() + have, bytes.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) throw_usage(error_id::file_read_failed, path.string() + " could not be read: " + reason());
    if (n == 0) break;
    have += static_cast<std::size_t>(n);
  }
  bytes.resize(have);
  return bytes;
}

void replace_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  try {
    Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
    if (file.fd < 0) throw_run(error_id::file_write_failed, temporary.string() + " could not be created: " + reason());
    write_all(file.fd, bytes, temporary);
    if (::fsync(file.fd) != 0)
      throw_run(error_id::file_write_failed, temporary.string() + " could not be flushed to the disk: " + reason());
    if (::rename(temporary.c_str(), path.c_str()) != 0)
      throw_run(error_id::file_write_failed,
                temporary.string() + " could not be renamed to " + path.string() + ": " + reason());
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void replace_directory(const std::filesystem::path& from, const std::filesystem::path& to) {
  if (::rename(from.c_str(), to.c_str()) == 0) return;
  if (errno != ENOTEMPTY && errno != EEXIST)
    throw_run(error_id::file_write_failed, from.string() + " could not be renamed to " + to.string() + ": " + reason());
    // Both exist: exchange them, so that at no moment the target is missing.
#if defined(RENAME_EXCHANGE)
  const bool exchanged = ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0;
#else
  const bool exchanged = false;
#endif
  if (exchanged) {
    std::filesystem::remove_all(from);
    return;
  }
  std::filesystem::path aside = from;
  aside += ".old";
  std::filesystem::remove_all(aside);
  std::filesystem::rename(to, aside);
  std::filesystem::rename(from, to);
  std::filesystem::remove_all(aside);
}

void sync_file(const std::filesystem::path& path) { sync_path(path, O_RDONLY); }
void sync_directory(const std::filesystem::path& path) { sync_path(path, O_RDONLY | O_DIRECTORY); }

void require_writable_directory(const std::filesystem::path& path, std::string_view what) {
  std::error_code ec;
  std::filesystem::create_directories(path, ec);
  const std::string name = std::string(what) + " " + path.string();
  if (ec)
    throw_usage(error_id::directory_unusable,
                name + " could not be made: " + ec.message() + "; name another directory");
  if (!std::filesystem::is_directory(path))
    throw_usage(error_id::directory_unusable, name + " is not a directory; name another one");
  if (::access(path.c_str(), W_OK | X_OK) != 0)
    throw_usage(error_id::directory_unusable,
                name + " cannot be written to: " + reason() + "; change its mode or name another");
}

}  // namespace trainer
