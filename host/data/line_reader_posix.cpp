// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "data/line_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::size_t piece_size = std::size_t{1} << 16;

bool is_stdin(const std::filesystem::path& path) { return path == "-"; }

[[noreturn]] void unreadable(const std::string& name, const char* what) {
  throw_run(error_id::file_read_failed,
            name + ": cannot " + what + " the file (" + std::strerror(errno) + "); check the path and who may read it");
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : name_(is_stdin(path) ? "stdin" : path.string()), buffer_(piece_size) {
  // stdin is opened anew where that can be done, so that a file behind it begins at its start.
  file_ = ::open(is_stdin(path) ? "/dev/stdin" : path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file_ < 0 && is_stdin(path)) file_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  if (file_ < 0) unreadable(name_, "open");
}

LineReader::~LineReader() { ::close(static_cast<int>(file_)); }

bool LineReader::reads_once(const std::filesystem::path& path) {
  struct stat info {};
  const int found = is_stdin(path) ? ::fstat(STDIN_FILENO, &info) : ::stat(path.c_str(), &info);
  return found == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool LineReader::fill() {
  ssize_t n = 0;
  do n = ::read(static_cast<int>(file_), buffer_.data(), buffer_.size());
  while (n < 0 && errno == EINTR);
  if (n < 0) unreadable(name_, "read");
  begin_ = 0;
  end_ = static_cast<std::size_t>(n);
  return n > 0;
}

}  // namespace trainer
