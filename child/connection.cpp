// SPDX-License-Identifier: Apache-2.0
//
// The thread that receives from the other end, and the queue of what goes there.
#include "child/connection.hpp"

#include <chrono>

#include "child/threads.hpp"

namespace trainer::child {

Connection::Connection(Descriptor stream, std::size_t most_bytes, First first)
    : stream_(std::move(stream)), outbox_(most_bytes), first_(std::move(first)) {
  thread_ = start_thread("that listens to a child process", [this] { run(); });
}

Connection::~Connection() {
  stop_ = true;
  wake(wake_.theirs.get());
  thread_.join();
}

bool Connection::send(std::string_view body, bool must) {
  if (gone_) return true;  // nobody takes it any more: it must not pile up
  if (!outbox_.push(body, must)) return false;
  bool more = true;
  try {
    more = write();  // at once where the stream has room: no other thread has to wake up first
  } catch (const std::exception&) {
    // The reading thread finds the same.
  }
  if (more) wake(wake_.theirs.get());
  return true;
}

std::optional<std::string> Connection::receive(double seconds) {
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return !inbox_.empty() || gone_; });
  if (inbox_.empty()) return std::nullopt;
  std::string message = std::move(inbox_.front());
  inbox_.pop_front();
  return message;
}

void Connection::run() {
  try {
    while (!stop_) {
      const bool more = write();
      const Ready ready = wait_for(stream_.get(), more, wake_.ours.get());
      if (ready.woken) drain(wake_.ours.get());
      if (ready.readable) read();
      if (gone_) break;
    }
  } catch (const std::exception&) {
    // A broken stream, or what is no message: the other side is of no use any more.
  }
  const std::lock_guard lock(mutex_);
  gone_ = true;
  came_.notify_all();
}

// Whether something is left to send when the stream takes more.
bool Connection::write() {
  const std::lock_guard lock(writing_);
  for (;;) {
    if (sent_ == sending_.size()) {
      sending_.clear();
      sent_ = 0;
      if (!outbox_.take(sending_)) return false;
    }
    const auto n = send_some(stream_.get(), sending_.data() + sent_, sending_.size() - sent_);
    if (n < 0) return true;
    sent_ += static_cast<std::size_t>(n);
  }
}

void Connection::read() {
  char bytes[16384];
  const auto n = receive_some(stream_.get(), bytes, sizeof bytes);
  if (n < 0) return;
  if (n == 0) {
    gone_ = true;
    return;
  }
  try {
    take({bytes, static_cast<std::size_t>(n)});
  } catch (const std::exception&) {
    nonsense_ = true;
    throw;
  }
}

void Connection::take(std::string_view bytes) {
  reader_.feed(bytes);
  for (std::string body; reader_.next(body);) {
    if (first_(body)) continue;
    const std::lock_guard lock(mutex_);
    inbox_.push_back(std::move(body));
    came_.notify_all();
  }
}

}  // namespace trainer::child
