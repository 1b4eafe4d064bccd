// SPDX-License-Identifier: Apache-2.0
//
// When a failed request is sent again. The numbers are those of MLflow's client, whose delays are
// urllib3's: jitter alone before the first retry, then factor * 2, 4, 8 ... plus jitter.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <random>
#include <string_view>

#include "shared/http/client.hpp"

namespace trainer::plugins::http {

/// 408, 429, 500, 502, 503 and 504: a later try may succeed.
bool is_transient(int status);

/// Seconds that a Retry-After header asks for (a number or a date), or a negative number.
double retry_after(std::string_view header, std::chrono::system_clock::time_point now);

struct RetryPolicy {
  int retries = 7;
  double backoff_factor = 2;   ///< seconds
  double jitter = 1;           ///< seconds, at most
  double longest_delay = 120;  ///< seconds; but for what a server asks for
  bool respect_retry_after = true;

  /// Seconds before retry `number` (1, 2, ...); `random` is from [0, 1). `response` may be null.
  double delay(int number, double random, const Response* response) const;
};

/// A wait that another thread can end at once.
class Interrupt {
 public:
  void trigger() {
    const std::lock_guard lock(mutex_);
    triggered_ = true;
    changed_.notify_all();
  }
  void reset() {
    const std::lock_guard lock(mutex_);
    triggered_ = false;
  }
  bool triggered() const {
    const std::lock_guard lock(mutex_);
    return triggered_;
  }
  /// False when it was interrupted before the time was over.
  bool wait(double seconds) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, std::chrono::duration<double>(seconds), [&] { return triggered_; });
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool triggered_ = false;
};

/// Sends until an answer comes whose status is not transient, or the retries are used up: then the
/// last answer, or the last Error. An interrupt ends the wait between two tries, and with it the
/// retries; Client::interrupt() ends the request itself.
Response send_with_retries(Client& client, const Request& request, const RetryPolicy& policy, Interrupt& interrupt);

}  // namespace trainer::plugins::http
