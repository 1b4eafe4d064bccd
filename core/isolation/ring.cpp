// SPDX-License-Identifier: Apache-2.0
//
// A record is its size in 8 bytes, and its bytes, filled up to a multiple of 8; it never goes around the end. A size of
// all ones says that the rest up to the end is empty.
#include "isolation/ring.hpp"

#include <cstring>
#include <new>

#include "isolation/bytes.hpp"

namespace trainer::isolation {
namespace {

constexpr std::uint64_t to_the_end = ~std::uint64_t{0};
constexpr std::size_t head_of_record = 8;

constexpr std::size_t whole(std::size_t size) { return head_of_record + (size + 7) / 8 * 8; }

}  // namespace

RingWriter::RingWriter(char* memory, std::size_t bytes)
    : head_(new(memory) RingHead), data_(memory + sizeof(RingHead)), bytes_(bytes) {}

bool RingWriter::look(std::uint64_t& taken) const {
  taken = head_->taken.load(std::memory_order_acquire);
  return taken <= written_ && written_ - taken <= bytes_;
}

bool RingWriter::push(std::string_view record) {
  const std::size_t at = written_ % bytes_, needed = whole(record.size());
  const std::size_t skipped = at + needed > bytes_ ? bytes_ - at : 0;
  if (written_ + skipped + needed - seen_ > bytes_) {
    std::uint64_t taken = 0;
    if (!look(taken)) return false;
    seen_ = taken;
    if (written_ + skipped + needed - seen_ > bytes_) return false;
  }
  if (skipped > 0) std::memcpy(data_ + at, &to_the_end, head_of_record);
  const std::uint64_t size = record.size();
  char* to = data_ + (skipped > 0 ? 0 : at);
  std::memcpy(to, &size, head_of_record);
  std::memcpy(to + head_of_record, record.data(), record.size());
  written_ += skipped + needed;
  head_->written.store(written_, std::memory_order_release);
  return true;
}

RingReader::RingReader(char* memory, std::size_t bytes)
    : head_(std::launder(reinterpret_cast<RingHead*>(memory))), data_(memory + sizeof(RingHead)), bytes_(bytes) {}

bool RingReader::next(std::string_view& record) {
  if (head_->written.load(std::memory_order_acquire) == taken_) return false;
  std::uint64_t begin = taken_, size = 0;
  std::memcpy(&size, data_ + begin % bytes_, head_of_record);
  if (size == to_the_end) {
    begin += bytes_ - begin % bytes_;
    std::memcpy(&size, data_, head_of_record);
  }
  if (size > bytes_ - begin % bytes_ - head_of_record) throw BadBytes();  // the plugin wrote there
  record = {data_ + begin % bytes_ + head_of_record, size};
  after_ = begin + whole(size);
  return true;
}

void RingReader::done() {
  taken_ = after_;
  head_->taken.store(taken_, std::memory_order_release);
}

}  // namespace trainer::isolation
