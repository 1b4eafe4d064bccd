// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "data/line_reader.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_row = std::size_t{64} << 20, piece_size = std::size_t{1} << 16;

bool is_stdin(const std::filesystem::path& path) { return path == "-"; }

[[noreturn]] void unreadable(const std::string& name, const char* what) {
  throw_run(error_id::file_read_failed,
            name + ": cannot " + what + " the file (" + std::strerror(errno) + "); check the path and who may read it");
}

}  // namespace

LineReader::LineReader(const std::filesystem::path& path)
    : name_(is_stdin(path) ? "stdin" : path.string()), buffer_(piece_size) {
  // stdin is opened anew where that can be done, so that a file behind it begins at its start.
  descriptor_ = ::open(is_stdin(path) ? "/dev/stdin" : path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0 && is_stdin(path)) descriptor_ = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  if (descriptor_ < 0) unreadable(name_, "open");
}

LineReader::~LineReader() { ::close(descriptor_); }

std::string LineReader::at() const { return name_ + " line " + std::to_string(number_); }

bool LineReader::reads_once(const std::filesystem::path& path) {
  struct stat info {};
  const int found = is_stdin(path) ? ::fstat(STDIN_FILENO, &info) : ::stat(path.c_str(), &info);
  return found == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode);
}

bool LineReader::fill() {
  ssize_t n = 0;
  do n = ::read(descriptor_, buffer_.data(), buffer_.size());
  while (n < 0 && errno == EINTR);
  if (n < 0) unreadable(name_, "read");
  begin_ = 0;
  end_ = static_cast<std::size_t>(n);
  return n > 0;
}

bool LineReader::next(std::string& line) {
  line.clear();
  while (true) {
    if (begin_ == end_ && !fill()) {
      if (line.find_first_not_of(" \t\r") == line.npos) return false;
      ++number_;
      return true;
    }
    const char* const from = buffer_.data() + begin_;
    const auto* const newline = static_cast<const char*>(std::memchr(from, '\n', end_ - begin_));
    const auto count = newline ? static_cast<std::size_t>(newline - from) : end_ - begin_;
    if (line.size() + count > longest_row)
      throw_usage(error_id::data_invalid, name_ + " line " + std::to_string(number_ + 1) +
                                              " is longer than 64 MiB; write one row per line (JSON Lines)");
    line.append(from, count);
    begin_ += count;
    if (!newline) continue;
    ++begin_;
    ++number_;
    if (line.find_first_not_of(" \t\r") != line.npos) return true;
    line.clear();
  }
}

}  // namespace trainer
