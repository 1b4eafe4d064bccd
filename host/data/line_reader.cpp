// SPDX-License-Identifier: Apache-2.0
//
// Cuts what the system gives into lines.
#include "data/line_reader.hpp"

#include <cstring>

#include "trainer/error.hpp"

namespace trainer {
namespace {

constexpr std::size_t longest_row = std::size_t{64} << 20;

}  // namespace

std::string LineReader::at() const { return name_ + " line " + std::to_string(number_); }

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
