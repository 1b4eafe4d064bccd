// SPDX-License-Identifier: Apache-2.0
//
// Cuts a stream of bytes into frames, and makes them.
#include "child/frames.hpp"

#include <stdexcept>

namespace trainer::child {

void append_frame(std::string& out, std::string_view body) {
  const auto size = static_cast<std::uint32_t>(body.size());
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(size >> shift & 0xFF);
  out += body;
}

void FrameReader::feed(std::string_view bytes) {
  buffer_.erase(0, begin_);  // what next() took
  begin_ = 0;
  buffer_ += bytes;
}

bool FrameReader::next(std::string& body) {
  if (buffer_.size() - begin_ < 4) return false;
  std::uint32_t size = 0;
  for (int i = 3; i >= 0; --i)
    size = size << 8 | static_cast<unsigned char>(buffer_[begin_ + static_cast<std::size_t>(i)]);
  if (size > longest_frame)
    throw std::length_error("a message of " + std::to_string(size) + " bytes, expected at most " +
                            std::to_string(longest_frame));
  if (buffer_.size() - begin_ - 4 < size) return false;
  body.assign(buffer_, begin_ + 4, size);
  begin_ += 4 + size;
  return true;
}

bool Outbox::push(std::string_view body, bool must) {
  const std::lock_guard lock(mutex_);
  if (body.size() > longest_frame || (!must && waiting_.size() + body.size() > most_)) {
    ++refused_;
    return false;
  }
  append_frame(waiting_, body);
  return true;
}

bool Outbox::take(std::string& bytes) {
  const std::lock_guard lock(mutex_);
  if (waiting_.empty()) return false;
  waiting_.swap(bytes);
  return true;
}

std::uint64_t Outbox::refused() const {
  const std::lock_guard lock(mutex_);
  return refused_;
}

}  // namespace trainer::child
