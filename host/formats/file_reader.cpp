// SPDX-License-Identifier: Apache-2.0
#include "formats/file_reader.hpp"

#include <algorithm>
#include <string_view>

#include "trainer/error.hpp"

namespace trainer {

std::string FileReader::read(std::uint64_t at, std::uint64_t bytes) const {
  if (at > size_ || bytes > size_ - at)
    role_.fail(name_ + ": found " + std::to_string(size_) + " bytes, expected " + std::to_string(bytes) + " from " +
               std::to_string(at));
  std::string out(bytes, '\0');
  read(at, out.data(), bytes);
  return out;
}

void FileReader::read(std::uint64_t at, void* to, std::uint64_t bytes) const {
  char* next = static_cast<char*>(to);
  while (bytes > 0) {
    const std::size_t n = read_some(at, next, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, 1u << 30)));
    if (n == 0) role_.fail(name_ + ": found no more bytes at " + std::to_string(at));
    next += n;
    at += n;
    bytes -= n;
  }
}

void FileReader::refuse(const char* what, const std::string& reason) const {
  throw_run(error_id::file_read_failed, name_ + ": cannot " + what + " the file (" + reason + "); check the " +
                                            (what == std::string_view("open") ? "path" : "disk"));
}

}  // namespace trainer
