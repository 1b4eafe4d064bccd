// SPDX-License-Identifier: Apache-2.0
//
// system_files.hpp - what file.hpp asks of the operating system. A file is a descriptor, on Windows a HANDLE; what
// fails has a number of errno's.
#pragma once

#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <trainer/sdk/path.hpp>

#if defined(_WIN32)
#include <trainer/sdk/windows_files.hpp>
#else
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace trainer::sdk {

/// One sentence: the file, what failed, the system's reason, what to do about it.
class FileError : public std::runtime_error {
 public:
  FileError(const std::string& sentence, int code) : std::runtime_error(sentence), code_(code) {}
  int code() const { return code_; }  ///< errno of the call that failed

 private:
  int code_;
};

namespace system_files {

inline const char* remedy(int code) {
  switch (code) {
    case ENOSPC:
    case EFBIG:
#if defined(EDQUOT)
    case EDQUOT:
#endif
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
  throw FileError(text_of(path) + " " + what + ": " + std::generic_category().message(code) + "; " + remedy(code),
                  code);
}

/// The same of what <filesystem> says.
[[noreturn]] inline void fail(const std::filesystem::path& path, const std::string& what,
                              const std::error_code& error) {
  fail(path, what, error.default_error_condition().value());
}

#if !defined(_WIN32)

using File = int;
constexpr File no_file = -1;
constexpr int exclusive = O_EXCL, cut = O_TRUNC;  ///< for open()

struct FileFacts {
  bool regular = false;
  std::uint64_t size = 0, names = 0;
};

inline int last_code() { return errno; }

inline File open(const std::filesystem::path& path, int flags) {
  // Non-blocking, so that a named pipe is refused by who asks for its facts instead of waited for.
  return ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK | flags, 0666);
}

/// 0, or what the system says only now.
inline int close(File file) { return ::close(file) == 0 || errno == EINTR ? 0 : errno; }

inline bool facts(File file, FileFacts& found) {
  struct stat info {};
  if (::fstat(file, &info) != 0) return false;
  found.regular = S_ISREG(info.st_mode);
  found.size = static_cast<std::uint64_t>(info.st_size);
  found.names = info.st_nlink;
  return true;
}

/// Bytes written before an error; errno of that error in `code`, or 0.
inline std::size_t write(File file, std::string_view bytes, int& code) {
  std::size_t done = 0;
  for (code = 0; done < bytes.size();) {
    const ssize_t n = ::write(file, bytes.data() + done, bytes.size() - done);
    if (n >= 0) {
      done += static_cast<std::size_t>(n);
    } else if (errno != EINTR) {
      code = errno;
      break;
    }
  }
  return done;
}

inline bool truncate(File file, std::uint64_t size) { return ::ftruncate(file, static_cast<off_t>(size)) == 0; }
inline bool sync(File file) { return ::fsync(file) == 0; }

/// 0, or what close() would say: a quota or a network file system may say only then that there is no room.
inline int pending_code(File file) {
  const int copy = ::fcntl(file, F_DUPFD_CLOEXEC, 0);
  if (copy < 0 && errno == EMFILE) return 0;  // then close() says it
  return copy < 0 || ::close(copy) != 0 ? errno : 0;
}

/// The file gets the mode of the one that it will replace, where the system allows it.
inline void take_mode(File file, const std::filesystem::path& of) {
  struct stat info {};
  if (::stat(of.c_str(), &info) == 0) (void)::fchmod(file, info.st_mode & 07777);
}

/// Whether it is the file that stdout or stderr goes to.
inline bool is_printed(const std::filesystem::path& path) {
  struct stat info {
  }, stream{};
  if (::stat(path.c_str(), &info) != 0) return false;
  for (const int printed : {STDOUT_FILENO, STDERR_FILENO})
    if (::fstat(printed, &stream) == 0 && stream.st_dev == info.st_dev && stream.st_ino == info.st_ino) return true;
  return false;
}

inline bool rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0;
}
inline void remove(const std::filesystem::path& path) { ::unlink(path.c_str()); }

#endif

}  // namespace system_files
}  // namespace trainer::sdk
