// SPDX-License-Identifier: Apache-2.0
#include "isolation/trainer_link.hpp"

#include <chrono>
#include <optional>

#include "child/process.hpp"
#include "isolation/confinement.hpp"

namespace trainer::isolation {

TrainerLink::TrainerLink()
    : connection_(std::make_unique<child::Connection>(child::parent_stream(), most_waiting_bytes,
                                                      [](std::string_view) { return false; })),
      watcher_([this] { watch(); }) {
  send(std::string(greeting) + build_name());
}

TrainerLink::~TrainerLink() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  wake_.notify_all();
  watcher_.join();
}

// Also while the plugin is in a call that does not end.
void TrainerLink::watch() {
  std::optional<std::chrono::steady_clock::time_point> until;
  std::unique_lock lock(mutex_);
  while (!wake_.wait_for(lock, std::chrono::milliseconds(100), [this] { return stop_; })) {
    if (!gone()) continue;
    const auto now = std::chrono::steady_clock::now();
    if (!until) {
      let_nobody_read();
      until = now + std::chrono::seconds(seconds_to_leave);
    }
    if (now > *until) end_everything();
  }
}

std::string TrainerLink::receive(double seconds) {
  if (!waiting_.empty()) {
    std::string message = std::move(waiting_.front());
    waiting_.pop_front();
    return message;
  }
  return connection_->receive(seconds).value_or("");
}

std::string TrainerLink::request(std::string_view request) {
  std::string message;
  Writer(message).put(Message::request);
  message += request;
  send(message);
  for (;;) {
    auto answer = connection_->receive(1);
    if (!answer && gone()) end_everything();  // in an event that it waited for
    if (!answer) continue;                    // it is busy
    Reader in(*answer);
    if (in.get<Message>() == Message::reply) return std::string(in.rest());
    waiting_.push_back(std::move(*answer));
  }
}

}  // namespace trainer::isolation
