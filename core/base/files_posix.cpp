// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "base/file_access.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"

namespace trainer {
namespace {

std::string reason() { return std::strerror(errno); }

struct Descriptor {
  int fd;
  ~Descriptor() {
    if (fd >= 0) ::close(fd);
  }
  // Some file systems tell only now that the disk is full.
  void close(const std::filesystem::path& path) {
    if (::close(std::exchange(fd, -1)) != 0 && errno != EINTR)
      throw_run(error_id::file_write_failed,
                path.string() + " could not be closed: " + reason() + "; check the disk and start again");
  }
};

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

// Writes what becomes `path`; on failure no trace is left.
void put_in_place(Descriptor& file, const std::filesystem::path& temporary, const std::filesystem::path& path,
                  std::string_view bytes) try {
  write_all(file.fd, bytes, temporary);
  if (::fsync(file.fd) != 0)
    throw_run(error_id::file_write_failed, temporary.string() + " could not be flushed to the disk: " + reason());
  file.close(temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0)
    throw_run(error_id::file_write_failed,
              temporary.string() + " could not be renamed to " + path.string() + ": " + reason());
} catch (...) {
  ::unlink(temporary.c_str());
  throw;
}

bool is_same(const struct stat& a, const struct stat& b) { return a.st_dev == b.st_dev && a.st_ino == b.st_ino; }

// A file that nobody else has: the name of another would be somebody's.
int open_new_beside(const std::filesystem::path& path, std::filesystem::path& temporary) {
  for (int n = 0;; ++n) {
    temporary = path;
    temporary += ".tmp" + (n == 0 ? "" : std::to_string(n));
    const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd >= 0 || errno != EEXIST) return fd;
  }
}

// Whoever is to read a pipe may come a little later, but not never.
int open_in_place(const std::filesystem::path& path, bool pipe) {
  constexpr int limit_ms = 10000, nap_ms = 20;
  int fd = -1;
  for (int waited = 0; fd < 0 && waited <= limit_ms; waited += nap_ms) {
    fd = ::open(path.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 || !pipe || errno != ENXIO) break;
    ::poll(nullptr, 0, nap_ms);
  }
  if (fd >= 0) ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) & ~O_NONBLOCK);
  return fd;
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

std::FILE* create_file(const std::filesystem::path& path) { return std::fopen(path.c_str(), "w"); }

void replace_file(const std::filesystem::path& path, std::string_view bytes) {
  std::filesystem::path temporary = path;
  temporary += ".tmp";
  Descriptor file{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666)};
  if (file.fd < 0) throw_run(error_id::file_write_failed, temporary.string() + " could not be created: " + reason());
  put_in_place(file, temporary, path, bytes);
}

bool ResultFile::is_stdout() const {
  struct stat there {
  }, printed{};
  return ::stat(path_.c_str(), &there) == 0 && ::fstat(STDOUT_FILENO, &printed) == 0 && is_same(there, printed);
}

void ResultFile::write(std::string_view bytes) const {
  struct stat there {};
  const bool exists = ::stat(path_.c_str(), &there) == 0;
  if (!exists && errno != ENOENT)  // a circle of links, for one
    throw_run(error_id::file_write_failed, path_.string() + " could not be opened: " + reason());
  std::fflush(stdout);
  for (const int stream : {STDOUT_FILENO, STDERR_FILENO})
    if (struct stat printed{}; exists && ::fstat(stream, &printed) == 0 && is_same(there, printed))
      return write_all(stream, bytes, path_);
  const auto target = behind_links(path_);
  struct stat found {};
  const bool known = ::stat(target.c_str(), &found) == 0;
  // A link of /proc may name a file that is no longer there.
  if (!exists || (S_ISREG(there.st_mode) && there.st_nlink == 1 && known && is_same(there, found))) {
    std::filesystem::path temporary;
    Descriptor file{open_new_beside(target, temporary)};
    if (file.fd >= 0) {
      if (exists) (void)::fchmod(file.fd, there.st_mode & 07777);
      return put_in_place(file, temporary, target, bytes);
    }
    if (!exists) throw_run(error_id::file_write_failed, path_.string() + " could not be created: " + reason());
  }
  Descriptor file{open_in_place(path_, S_ISFIFO(there.st_mode))};
  if (file.fd < 0)
    throw_run(error_id::file_write_failed,
              path_.string() + " could not be opened: " + (errno == ENXIO ? "nobody reads from it" : reason()));
  write_all(file.fd, bytes, path_);
  file.close(path_);
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
