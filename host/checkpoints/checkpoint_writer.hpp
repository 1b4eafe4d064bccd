// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <exception>
#include <functional>
#include <string>
#include <thread>

#include <ATen/core/ivalue.h>

#include "trainer/safetensors.hpp"

namespace trainer {

/// What a checkpoint holds beside trainer_state.json.
struct CheckpointContents {
  NamedTensors weights;
  std::string args;
  c10::IValue optimizer, scheduler, scaler;  // None with save_only_model, and where there is none
  NamedTensors rng;
};

/// Writes checkpoints on a thread of its own (async_save), one at a time.
class CheckpointWriter {
 public:
  CheckpointWriter() = default;
  CheckpointWriter(const CheckpointWriter&) = delete;
  ~CheckpointWriter() {
    if (thread_.joinable()) thread_.join();
  }

  /// Runs `write` on the thread; only after wait() for the one before.
  void start(std::function<void()> write);
  /// Whether one was started and not waited for.
  bool pending() const noexcept { return thread_.joinable(); }
  /// Whether that one is over, well or not. Cheap, as it is asked at every step.
  bool finished() const noexcept { return finished_.load(std::memory_order_relaxed); }
  /// Waits until it is over, and throws what it threw.
  void wait();

  /// The memory of the last copies, kept for the next: new memory costs more than the copying.
  CheckpointContents copies;

 private:
  std::thread thread_;
  std::atomic<bool> finished_{false};
  std::exception_ptr error_;  // the thread's until it was joined
};

}  // namespace trainer
