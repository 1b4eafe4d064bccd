// SPDX-License-Identifier: Apache-2.0
//
// connection.hpp - the stream to another process, served by a thread of its own.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "child/frames.hpp"
#include "child/stream.hpp"

namespace trainer::child {

/// One end of a stream, which carries frames. A thread of its own receives, and sends what the stream had no
/// room for, so that the trainer's waits for the other side only where it asks for an answer.
class Connection {
 public:
  /// Sees each message first, on the connection's thread; true when it needs nobody else. What it throws ends the
  /// connection: the other side sends what none of its kind does.
  using First = std::function<bool(std::string_view body)>;

  /// `most_bytes` wait at most to be sent.
  Connection(Descriptor stream, std::size_t most_bytes, First first);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// False when the message is not kept: the other side has not taken too many before it.
  bool send(std::string_view body, bool must = false);
  /// The next message that `first` left, or nothing when the time is over or the other side gone.
  std::optional<std::string> receive(double seconds);
  /// Nothing will come any more.
  bool gone() const { return gone_; }
  /// Because the other side sent what none of its kind does.
  bool nonsense() const { return nonsense_; }
  std::uint64_t refused() const { return outbox_.refused(); }

 private:
  void run();
  void read();
  void take(std::string_view bytes);
  bool write();

  Descriptor stream_;
  Pair wake_ = make_pipe();
  Outbox outbox_;
  FrameReader reader_;
  std::mutex writing_;
  std::string sending_;
  std::size_t sent_ = 0;
  First first_;

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<std::string> inbox_;
  std::atomic<bool> gone_{false}, nonsense_{false}, stop_{false};
  std::thread thread_;
};

}  // namespace trainer::child
