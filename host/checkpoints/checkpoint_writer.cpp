// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_writer.hpp"

#include <utility>

namespace trainer {

void CheckpointWriter::start(std::function<void()> write) {
  thread_ = std::thread([this, write = std::move(write)]() mutable {
    try {
      write();
    } catch (...) {
      error_ = std::current_exception();
    }
    write = nullptr;
    finished_.store(true, std::memory_order_relaxed);
  });
}

void CheckpointWriter::wait() {
  thread_.join();
  finished_.store(false, std::memory_order_relaxed);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace trainer
