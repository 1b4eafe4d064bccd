// SPDX-License-Identifier: Apache-2.0
#include "data/batch_workers.hpp"

#include <ATen/Parallel.h>

#include "trainer/error.hpp"

namespace trainer {

BatchWorkers::BatchWorkers(std::int64_t threads) {
  // They share with threads to come how many compute, which is put back when all have taken theirs.
  const int compute_threads = at::get_num_threads();
  try {
    for (std::int64_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return ready_ == threads_.size(); });
    at::set_num_threads(compute_threads);
  } catch (const std::exception& e) {  // no more threads, or no memory for their stacks
    stop();
    at::set_num_threads(compute_threads);
    throw_run(error_id::process_failed, "only " + std::to_string(threads_.size()) + " of " + std::to_string(threads) +
                                            " worker threads could be started (" + e.what() +
                                            "); lower dataloader_num_workers, or raise the limit of processes");
  }
}

BatchWorkers::~BatchWorkers() { stop(); }

void BatchWorkers::stop() {
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
    results_.try_emplace(submitted_);  // here, where it can be told that memory is short
    jobs_.emplace_back(submitted_, std::move(job));
    ++submitted_;
  }
  wake_.notify_one();
}

Batch BatchWorkers::take() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return results_.at(taken_).done; });
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
  // As Python's workers; OpenMP would start more threads for each of them. Asking first, or the next one who asks
  // would set this thread's number to that of all.
  at::get_num_threads();
  at::set_num_threads(1);
  std::unique_lock lock(mutex_);
  ++ready_;
  done_.notify_all();
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
    result.done = true;
    results_.at(number) = std::move(result);
    done_.notify_all();
  }
}

}  // namespace trainer
