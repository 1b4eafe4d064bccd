// SPDX-License-Identifier: Apache-2.0
#include "isolation/trainer_link.hpp"

#include <chrono>

#include "child/process.hpp"
#include "isolation/confinement.hpp"

namespace trainer::isolation {

TrainerLink::TrainerLink()
    : connection_(std::make_unique<child::Connection>(child::parent_stream(), most_waiting_bytes,
                                                      [](std::string_view) { return false; })),
      watcher_([this] { watch(); }) {}

TrainerLink::~TrainerLink() {
  stop_ = true;
  watcher_.join();
}

// Also while the plugin is in a call that does not end.
void TrainerLink::watch() {
  while (!stop_) {
    if (connection_->gone()) end_everything();
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
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
    if (!answer) continue;  // the trainer is busy; when it is gone, watch() sees it
    Reader in(*answer);
    if (in.get<Message>() == Message::reply) return std::string(in.rest());
    waiting_.push_back(std::move(*answer));
  }
}

}  // namespace trainer::isolation
