// SPDX-License-Identifier: Apache-2.0
//
// Writes fields of protobuf's wire format.
#include "shared/protobuf/protobuf.hpp"

#include <cstring>

namespace trainer::plugins::protobuf {
namespace {

constexpr unsigned wire_varint = 0, wire_fixed64 = 1, wire_length = 2;

std::size_t write_varint(char* to, std::uint64_t value) {
  std::size_t size = 0;
  for (; value >= 0x80; value >>= 7) to[size++] = static_cast<char>(value | 0x80);
  to[size++] = static_cast<char>(value);
  return size;
}

}  // namespace

Message& Message::integer(unsigned field, std::int64_t value) {
  if (value == 0) return *this;
  key(field, wire_varint);
  varint(static_cast<std::uint64_t>(value));  // a negative int32 takes ten bytes too
  return *this;
}

Message& Message::number(unsigned field, double value) {
  std::uint64_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  if (bits == 0) return *this;  // -0.0 has a bit set, and is no default
  key(field, wire_fixed64);
  for (int i = 0; i < 8; ++i) out_.push_back(static_cast<char>(bits >> (8 * i)));
  return *this;
}

Message& Message::text(unsigned field, std::string_view value, bool even_empty) {
  if (value.empty() && !even_empty) return *this;
  key(field, wire_length);
  varint(value.size());
  out_ += value;
  return *this;
}

Message& Message::timestamp(unsigned field, std::int64_t nanoseconds) {
  constexpr std::int64_t second = 1'000'000'000;
  std::int64_t seconds = nanoseconds / second, rest = nanoseconds % second;
  if (rest < 0) --seconds, rest += second;  // nanos count forward, before 1970 too
  return message(field, [&](Message& time) { time.integer(1, seconds).integer(2, rest); });
}

std::size_t Message::open(unsigned field) {
  key(field, wire_length);
  return out_.size();
}

// The length is known only now: it is put in front, and the content moves. Messages are small.
void Message::close(std::size_t begin) {
  char length[10];
  const std::size_t size = write_varint(length, out_.size() - begin);
  out_.insert(begin, length, size);
}

void Message::key(unsigned field, unsigned wire_type) { varint(static_cast<std::uint64_t>(field) << 3 | wire_type); }

void Message::varint(std::uint64_t value) {
  char bytes[10];
  out_.append(bytes, write_varint(bytes, value));
}

}  // namespace trainer::plugins::protobuf
