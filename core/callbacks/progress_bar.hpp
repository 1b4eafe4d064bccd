// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "trainer/console.hpp"

namespace trainer {

/// A bar in the manner of tqdm, on stderr: ` 33%|███▎      | 1/3 [00:00<00:00, 99.03it/s]`.
class ProgressBar final : public console::Bar {
 public:
  using Clock = std::chrono::steady_clock;

  /// `leave`: the last drawing stays on the screen; else it is wiped.
  ProgressBar(std::int64_t total, bool leave);
  ~ProgressBar() override;
  ProgressBar(const ProgressBar&) = delete;

  void advance_to(std::int64_t n);  ///< draws at most every tenth of a second
  void draw() override;
  void wipe() override;

  /// The text for `n` of `total` after some seconds, at most `columns` wide.
  static std::string text(std::int64_t n, std::int64_t total, double seconds, int columns);

  std::int64_t n() const { return n_; }

 private:
  std::int64_t total_;
  std::int64_t n_ = 0;
  bool leave_;
  Clock::time_point start_ = Clock::now();
  Clock::time_point drawn_{};
};

}  // namespace trainer
