// SPDX-License-Identifier: Apache-2.0
//
// What comes from a plugin's process, before the trainer's thread looks at it.
#pragma once

#include <atomic>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include "isolation/protocol.hpp"

namespace trainer::isolation {

/// Keeps what the process says without being asked. Any thread.
class PluginMail {
 public:
  /// A message. True when nobody waits for it, as for an answer, a request, or the first of all, which is the greeting.
  /// BadBytes for what no process of this build sends, and for more answers than were asked for.
  bool hear(std::string_view message);
  /// One of those that are waited for has been taken.
  void taken(std::size_t size) { waiting_ -= size; }

  /// The failure of an event that was not waited for: the first of them.
  std::optional<Failure> take_failure();
  json::object last_state() const;
  void forget_state();  ///< it gets another one
  bool wants_answers() const { return wants_answers_.load(std::memory_order_relaxed); }
  bool take_stop_request() { return stop_requested_.exchange(false, std::memory_order_relaxed); }

 private:
  mutable std::mutex mutex_;
  std::optional<Failure> failure_;
  json::object state_;
  bool greeted_ = false;  // of the thread that hears
  std::atomic<bool> wants_answers_{false}, stop_requested_{false};
  std::atomic<std::size_t> waiting_{0};  // bytes of what hear() has left to others
};

}  // namespace trainer::isolation
