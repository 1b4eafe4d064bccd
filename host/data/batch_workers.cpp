// SPDX-License-Identifier: Apache-2.0
#include "data/batch_workers.hpp"

namespace trainer {

BatchWorkers::BatchWorkers(std::int64_t threads) {
  for (std::int64_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

BatchWorkers::~BatchWorkers() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  for (auto& thread : threads_) thread.join();
}

void BatchWorkers::submit(Job job) {
  {
    std::lock_guard lock(mutex_);
    jobs_.emplace_back(submitted_++, std::move(job));
  }
  wake_.notify_one();
}

Batch BatchWorkers::take() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return results_.count(taken_) != 0; });
  Result result = std::move(results_.at(taken_));
  results_.erase(taken_++);
  if (result.error) std::rethrow_exception(result.error);
  return std::move(result.batch);
}

void BatchWorkers::clear() {
  std::unique_lock lock(mutex_);
  jobs_.clear();
  done_.wait(lock, [&] { return running_ == 0; });
  results_.clear();
  taken_ = submitted_;
}

void BatchWorkers::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    wake_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
    if (stop_) return;
    auto [number, job] = std::move(jobs_.front());
    jobs_.pop_front();
    ++running_;
    lock.unlock();
    Result result;
    try {
      result.batch = job();
    } catch (...) {
      result.error = std::current_exception();
    }
    lock.lock();
    --running_;
    results_.emplace(number, std::move(result));
    done_.notify_all();
  }
}

}  // namespace trainer
