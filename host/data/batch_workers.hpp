// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "trainer/batch.hpp"

namespace trainer {

/// Threads that make batches ahead of their use. Batches come out in the order in which they were
/// asked for, whoever is done first.
class BatchWorkers {
 public:
  using Job = std::function<Batch()>;

  explicit BatchWorkers(std::int64_t threads);
  ~BatchWorkers();  ///< waits for the jobs that have begun
  BatchWorkers(const BatchWorkers&) = delete;

  void submit(Job job);
  /// The result of the oldest job not yet taken; rethrows what it threw.
  Batch take();
  std::size_t pending() const { return submitted_ - taken_; }
  /// Forgets the jobs that were not taken.
  void clear();

 private:
  struct Result {
    Batch batch;
    std::exception_ptr error;
    bool done = false;
  };
  void work();
  void stop();

  std::mutex mutex_;
  std::condition_variable wake_, done_;
  std::deque<std::pair<std::size_t, Job>> jobs_;
  std::map<std::size_t, Result> results_;
  std::size_t ready_ = 0, submitted_ = 0, taken_ = 0, running_ = 0;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace trainer
