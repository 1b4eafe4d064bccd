// SPDX-License-Identifier: Apache-2.0
//
// file.hpp - files that a plugin can leave at any moment without half of anything in them.
//
//   AppendFile log = AppendFile::open("out/metrics.txt");
//   log.append("one whole record\n");            // all of it, or nothing and a FileError
//   Replacement next("out/table.txt");           // writes out/table.txt.tmp
//   next.append(header), next.append(rows);
//   AppendFile table = next.commit();            // fsync and rename: readers see the old or the
//   new
//
// Not part of sdk.hpp: include it by name. The POSIX calls are all in the block `posix`, which is
// what a port to Windows replaces. One thread per object; two processes must not share a file.
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#if defined(_WIN32)
#error "trainer/sdk/file.hpp needs POSIX files; port its block `posix`"
#endif
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace trainer::sdk {

/// One sentence: the file, what failed, the system's reason, what to do about it.
class FileError : public std::runtime_error {
 public:
  FileError(const std::string& sentence, int code) : std::runtime_error(sentence), code_(code) {}
  int code() const { return code_; }  ///< errno of the call that failed

 private:
  int code_;
};

namespace posix {

inline const char* remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return "free some space there, or choose a directory on another disk";
    case EACCES:
    case EPERM:
    case EROFS:
      return "make it writable, or choose another directory";
    case ENAMETOOLONG:
      return "choose a shorter path";
    default:
      return "check the path and the disk, or choose another directory";
  }
}

[[noreturn]] inline void fail(const std::filesystem::path& path, const std::string& what, int code) {
  throw FileError(path.string() + " " + what + ": " + std::generic_category().message(code) + "; " + remedy(code),
                  code);
}

/// Bytes written before an error; errno of that error in `code`, or 0.
inline std::size_t write(int fd, std::string_view bytes, int& code) {
  std::size_t done = 0;
  for (code = 0; done < bytes.size();) {
    const ssize_t n = ::write(fd, bytes.data() + done, bytes.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      code = errno;
      break;
    }
  }
  return done;
}

inline int open(const std::filesystem::path& path, int flags) {
  // Non-blocking, so that a named pipe is refused below instead of waited for.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | flags, 0666);
}

}  // namespace posix

/// A file that only grows, by whole records. Move-only.
class AppendFile {
 public:
  AppendFile() = default;

  /// A new file; FileError with code() EEXIST when there is one of that name.
  static AppendFile create(const std::filesystem::path& path) { return AppendFile(path, O_EXCL); }
  /// The file, made when missing. Refuses what is not a regular file.
  static AppendFile open(const std::filesystem::path& path) { return AppendFile(path, 0); }

  AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }
  AppendFile& operator=(AppendFile&& other) noexcept {
    std::swap(fd_, other.fd_), std::swap(path_, other.path_), std::swap(size_, other.size_);
    std::swap(has_name_, other.has_name_);
    return *this;
  }
  ~AppendFile() {
    if (fd_ >= 0) ::close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }  ///< bytes; always after a whole record

  /// One write(2) for everything given. When it does not fit, what was written of it is taken back,
  /// and a FileError thrown: the file then ends as it did before the call. Allocates nothing.
  void append(std::string_view records) {
    require_name();
    int code = 0;
    const std::size_t done = posix::write(fd_, records, code);
    if (code != 0) give_up(done, code);
    size_ += done;
  }

  /// Cuts the file at `size` bytes.
  void truncate(std::uint64_t size) {
    if (::ftruncate(fd_, static_cast<off_t>(size)) != 0) posix::fail(path_, "could not be cut", errno);
    size_ = size;
  }

  /// Throws when the file was removed after it was opened: nobody can read what is written then.
  void require_name() const {
    struct stat info {};
    if (has_name_ && ::fstat(fd_, &info) == 0 && info.st_nlink == 0)
      throw FileError(
          path_.string() + " was removed while it was written; leave the directories of a run until it ends", ENOENT);
  }

  /// Throws what close() would: a quota or a network file system may say only then that there is no room. And when
  /// the file was removed.
  void flush() const {
    require_name();
    const int copy = ::fcntl(fd_, F_DUPFD_CLOEXEC, 0);
    if (copy < 0 && errno == EMFILE) return;  // then close() says it
    if (copy < 0 || ::close(copy) != 0) posix::fail(path_, "could not be written to its end", errno);
  }

  /// Waits until the disk has everything.
  void sync() {
    if (::fsync(fd_) != 0) posix::fail(path_, "could not be flushed to the disk", errno);
    flush();
  }

  /// Throws when the system says only now that something could not be written. The destructor is silent.
  void close() {
    const int fd = std::exchange(fd_, -1);
    if (fd >= 0 && ::close(fd) != 0 && errno != EINTR) posix::fail(path_, "could not be written to its end", errno);
  }

 private:
  friend class Replacement;

  AppendFile(const std::filesystem::path& path, int flags) : path_(path) {
    fd_ = posix::open(path, flags);
    if (fd_ < 0) posix::fail(path, "could not be opened for writing", errno);
    struct stat info {};
    const bool known = ::fstat(fd_, &info) == 0;
    if (!known || !S_ISREG(info.st_mode)) {
      ::close(std::exchange(fd_, -1));
      throw FileError(path.string() + " is not a regular file; name another one", EINVAL);
    }
    size_ = static_cast<std::uint64_t>(info.st_size);
    has_name_ = info.st_nlink > 0;  // some file systems do not count
  }

  [[noreturn]] void give_up(std::size_t done, int code) {
    const bool whole = done == 0 || ::ftruncate(fd_, static_cast<off_t>(size_)) == 0;
    posix::fail(path_,
                whole ? "could not be written (it still ends in its last whole record)"
                      : "could not be written (its last record is incomplete)",
                code);
  }

  int fd_ = -1;
  std::filesystem::path path_;
  std::uint64_t size_ = 0;
  bool has_name_ = false;
};

/// The next content of a file, written beside it as PATH.tmp. Without commit() nothing changes, and
/// the temporary file goes. Where several processes may replace one file, each has a `suffix` of its own.
class Replacement {
 public:
  explicit Replacement(const std::filesystem::path& path, const std::string& suffix = ".tmp")
      : path_(path), temporary_(path.string() + suffix), file_(temporary_, O_TRUNC) {
    struct stat info {};  // The file keeps its mode where the system allows it.
    if (::stat(path.c_str(), &info) == 0) (void)::fchmod(file_.fd_, info.st_mode & 07777);
  }
  Replacement(const Replacement&) = delete;
  Replacement& operator=(const Replacement&) = delete;
  ~Replacement() {
    if (file_.is_open()) ::unlink(temporary_.c_str());
  }

  void append(std::string_view bytes) { file_.append(bytes); }

  /// Flushes to the disk and renames; gives the new file, open at its end. Call once.
  AppendFile commit() {
    file_.sync();
    if (::rename(temporary_.c_str(), path_.c_str()) != 0)
      posix::fail(temporary_, "could not be renamed to " + path_.string(), errno);
    file_.path_ = path_;
    return std::move(file_);
  }

 private:
  std::filesystem::path path_, temporary_;
  AppendFile file_;
};

/// Replaces the whole file at once, or makes it.
inline void replace_file(const std::filesystem::path& path, std::string_view bytes,
                         const std::string& suffix = ".tmp") {
  Replacement next(path, suffix);
  next.append(bytes);
  next.commit();
}

/// Makes the directory and those above it; a FileError says why it cannot be.
inline void make_directory(const std::filesystem::path& path) {
  std::error_code error, ignored;
  std::filesystem::create_directories(path, error);
  // create_directories reports a trailing slash, or a link to a directory, as an error in some
  // libraries.
  if (error && !std::filesystem::is_directory(path, ignored))
    posix::fail(path, "could not be made a directory", error.value());
}

}  // namespace trainer::sdk
