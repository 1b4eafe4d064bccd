// SPDX-License-Identifier: Apache-2.0
//
// sender.hpp - the one thread that speaks to the server. Nobody waits for it but close().
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "shared/http/retry.hpp"
#include "shared/mlflow/delivery.hpp"

namespace trainer::plugins::mlflow {

class Sender {
 public:
  Sender(const Settings& settings, Reporter report);
  Sender(const Sender&) = delete;
  Sender& operator=(const Sender&) = delete;
  ~Sender() { close(0); }

  /// Deliveries go out in the order in which they are added; the reference stays valid.
  Delivery& add(std::unique_ptr<Delivery> delivery);
  /// There is something new in a journal.
  void notify();

  /// Sends the rest and ends the thread: within `wait` seconds while the server answers, and within
  /// a few when it does not.
  void close(double wait);

  /// After close(): those of which something was not sent.
  std::vector<Delivery*> unfinished();
  const std::string& last_failure() const { return last_failure_; }

 private:
  void run();
  bool pass();
  bool wait_after(const std::string& sentence, const http::Response* response, bool may_pass, bool absent);
  void report_failure(const std::string& sentence, bool soon);

  const Settings settings_;
  const Reporter report_;
  Api api_;
  http::Interrupt interrupt_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Delivery>> deliveries_;
  bool woken_ = false, closing_ = false, done_ = false;

  std::atomic<bool> over_{false}, dead_{false};  // dead: it does not answer at all
  int failures_ = 0, closing_failures_ = 0;      // in a row; of the thread
  bool failure_told_ = false;
  std::string last_failure_;
  std::thread thread_;
};

}  // namespace trainer::plugins::mlflow
