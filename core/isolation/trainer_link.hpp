// SPDX-License-Identifier: Apache-2.0
//
// The stream to the trainer, in a plugin's process.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "child/connection.hpp"
#include "isolation/protocol.hpp"

namespace trainer::isolation {

/// When the trainer is gone, so is this process, seconds_to_leave later if it has not ended by itself.
class TrainerLink {
 public:
  TrainerLink();  ///< greets the trainer
  ~TrainerLink();
  TrainerLink(const TrainerLink&) = delete;
  TrainerLink& operator=(const TrainerLink&) = delete;

  bool gone() const { return connection_->gone(); }  ///< the trainer
  /// Any thread. False for a message that is longer than any may be.
  bool send(std::string_view message) { return connection_->send(message, true); }
  /// The next message, waited for at most so long; empty when none came.
  std::string receive(double seconds);
  /// Asks the trainer for something during an event that it waits for, and gives what it answers.
  std::string request(std::string_view request);

 private:
  void watch();

  std::deque<std::string> waiting_;  // what came while an answer was waited for
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::unique_ptr<child::Connection> connection_;
  std::thread watcher_;
};

}  // namespace trainer::isolation
