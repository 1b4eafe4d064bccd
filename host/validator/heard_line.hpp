// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <mutex>
#include <string>
#include <string_view>

#include "trainer/log.hpp"

namespace trainer::validator {

/// Hears the log, instead of whoever reads it, as long as it lives, and keeps the last line that is wanted.
class HeardLine {
 public:
  using Wanted = bool (*)(log::Level, std::string_view);
  explicit HeardLine(Wanted wanted) {
    log::set_sink([this, wanted](log::Level level, std::string_view line) {
      const std::lock_guard lock(mutex_);
      if (wanted(level, line)) last_ = line;
    });
  }
  ~HeardLine() { log::set_sink({}); }
  HeardLine(const HeardLine&) = delete;
  HeardLine& operator=(const HeardLine&) = delete;
  /// Empty when there was none.
  std::string last() const {
    const std::lock_guard lock(mutex_);
    return last_;
  }

 private:
  mutable std::mutex mutex_;
  std::string last_;
};

}  // namespace trainer::validator
