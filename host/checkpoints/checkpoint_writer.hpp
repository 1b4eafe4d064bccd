// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <thread>

namespace trainer {

/// A thread that writes checkpoints (async_save), one at a time.
class CheckpointWriter {
 public:
  CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  ~CheckpointWriter() {
    if (thread_.joinable()) thread_.join();
  }

  /// Runs `write` on the thread, or at once where there can be none; only after wait() for the one before.
  void start(std::function<void()> write);
  /// Whether one was started and not waited for.
  bool pending() const noexcept { return pending_; }
  /// Whether that one is over, well or not. Cheap, as it is asked at every step.
  bool finished() const noexcept { return finished_.load(std::memory_order_relaxed); }
  /// Waits until it is over, and throws what it threw.
  void wait();

 private:
  void run();
  std::function<void()> write_;
  std::thread thread_;
  bool pending_ = false;
  std::atomic<bool> finished_{false};
  std::exception_ptr error_;  // the thread's until it was joined
};

}  // namespace trainer
