// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_writer.hpp"

#include <utility>

namespace trainer {

void CheckpointWriter::start(std::function<void()> write) {
  write_ = std::move(write);
  pending_ = true;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::exception&) {
    run();  // no thread is to be had: at once, then
  }
}

void CheckpointWriter::run() {
  try {
    write_();
  } catch (...) {
    error_ = std::current_exception();
  }
  write_ = nullptr;
  finished_.store(true, std::memory_order_relaxed);
}

void CheckpointWriter::wait() {
  if (thread_.joinable()) thread_.join();
  pending_ = false;
  finished_.store(false, std::memory_order_relaxed);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace trainer
