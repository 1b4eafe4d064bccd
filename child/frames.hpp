// SPDX-License-Identifier: Apache-2.0
//
// Messages between two processes: a length of four bytes, little-endian, then so many bytes.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace trainer::child {

inline constexpr std::size_t longest_frame = 256u << 20;

/// Appends the message with its length.
void append_frame(std::string& out, std::string_view body);

/// Bytes in, as they come; whole messages out.
class FrameReader {
 public:
  void feed(std::string_view bytes);
  /// Takes the next whole message; false when more bytes are needed. Throws std::length_error for a
  /// length that no message has: the other side does not speak this protocol.
  bool next(std::string& body);

 private:
  std::string buffer_;
  std::size_t begin_ = 0;
};

/// Messages on their way out: the trainer's thread puts in, the sending thread takes all that is
/// there at once. Two buffers are swapped, so that a steady flow allocates nothing.
class Outbox {
 public:
  explicit Outbox(std::size_t most_bytes) : most_(most_bytes) {}

  /// False, and nothing is kept, when it is full; a message that `must` go is always kept.
  bool push(std::string_view body, bool must = false);
  /// Swaps what waits into `bytes`, which must be empty; false when nothing waits.
  bool take(std::string& bytes);
  std::uint64_t refused() const;

 private:
  mutable std::mutex mutex_;
  std::string waiting_;
  std::size_t most_;
  std::uint64_t refused_ = 0;
};

}  // namespace trainer::child
