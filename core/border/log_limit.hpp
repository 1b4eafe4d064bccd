// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <utility>

namespace trainer {

/// So many lines a second may a plugin log; those beyond are counted and not written, so that a plugin that
/// logs in a loop neither fills the disk nor hides what others say. Any thread.
class LogLimit {
 public:
  static constexpr std::uint64_t lines_a_second = 100;

  struct Answer {
    bool write;
    std::uint64_t left_out;  ///< lines before this one that were not written, to be told now
  };

  Answer next() {
    const std::lock_guard lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now - begin_ >= std::chrono::seconds(1)) begin_ = now, lines_ = 0;
    if (++lines_ > lines_a_second) {
      ++left_out_;
      return {false, 0};
    }
    return {true, std::exchange(left_out_, 0)};
  }

  /// The lines that were not written and not told of.
  std::uint64_t take_left_out() {
    const std::lock_guard lock(mutex_);
    return std::exchange(left_out_, 0);
  }

 private:
  std::mutex mutex_;
  std::chrono::steady_clock::time_point begin_{};
  std::uint64_t lines_ = 0, left_out_ = 0;
};

}  // namespace trainer
