// SPDX-License-Identifier: Apache-2.0
//
// A queue of records from one process to another, in memory that both have: neither side makes a system call.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trainer::isolation {

/// What stands before the bytes. Each side writes a cache line of its own. Whoever reads what the other wrote
/// believes none of it.
struct RingHead {
  alignas(64) std::atomic<std::uint64_t> written{0};  ///< bytes so far, by the writer
  alignas(64) std::atomic<std::uint64_t> taken{0};    ///< bytes whose records are done with, by the reader
  std::atomic<std::uint32_t> doing{0};                ///< the event that the reader is in, plus 1; 0: none
  std::atomic<std::int64_t> step{-1};                 ///< of that event
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// The size of the memory for a ring of so many bytes, a multiple of 8.
constexpr std::size_t ring_memory(std::size_t bytes) { return sizeof(RingHead) + bytes; }

/// The writer's end. One thread.
class RingWriter {
 public:
  /// `memory` is all zero, of ring_memory(bytes), and outlives this.
  RingWriter(char* memory, std::size_t bytes);

  std::size_t longest() const { return bytes_ / 4; }  ///< that a record may have
  /// False, and nothing is written, while there is no room.
  bool push(std::string_view record);
  std::uint64_t written() const { return written_; }
  /// What the reader has done so far. False when it says what cannot be: its memory is damaged.
  bool look(std::uint64_t& taken) const;
  const RingHead& head() const { return *head_; }

 private:
  RingHead* head_;
  char* data_;
  std::size_t bytes_;
  std::uint64_t written_ = 0, seen_ = 0;  // seen_: of `taken`, when there was no room last
};

/// The reader's end. One thread.
class RingReader {
 public:
  RingReader(char* memory, std::size_t bytes);

  /// The next record, which stays until done(); false when there is none. BadBytes when the memory is damaged.
  bool next(std::string_view& record);
  void done();
  std::uint64_t taken() const { return taken_; }
  RingHead& head() { return *head_; }

 private:
  RingHead* head_;
  char* data_;
  std::size_t bytes_;
  std::uint64_t taken_ = 0, after_ = 0;  // after_: of the record that next() gave
};

}  // namespace trainer::isolation
