// SPDX-License-Identifier: Apache-2.0
//
// Protocol Buffers' wire format, written by hand: a few small messages do not justify libprotobuf,
// whose symbols clash between plugins. Defaults are left out, as proto3 does.
//
//   std::string out;
//   Message record(out);
//   record.integer(1, 7).text(2, "x").message(3, [&](Message& item) { item.flag(1, true); });
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trainer::plugins::protobuf {

/// Appends one message's fields to a string.
class Message {
 public:
  explicit Message(std::string& out) : out_(out) {}

  Message& integer(unsigned field, std::int64_t value);  ///< int32, int64, uint64, enum
  Message& flag(unsigned field, bool value) { return integer(field, value ? 1 : 0); }
  Message& number(unsigned field, double value);  ///< double
  /// string or bytes. `even_empty`: for repeated fields, members of a oneof and optional fields.
  Message& text(unsigned field, std::string_view value, bool even_empty = false);
  /// Fields that are encoded already.
  Message& raw(std::string_view fields) {
    out_ += fields;
    return *this;
  }
  /// google.protobuf.Timestamp, from nanoseconds since 1970.
  Message& timestamp(unsigned field, std::int64_t nanoseconds);

  /// A message in a field; it is there even when nothing is in it.
  template <typename Fill>
  Message& message(unsigned field, Fill&& fill) {
    const std::size_t begin = open(field);
    Message inner(out_);
    fill(inner);
    close(begin);
    return *this;
  }

 private:
  std::size_t open(unsigned field);
  void close(std::size_t begin);
  void key(unsigned field, unsigned wire_type);
  void varint(std::uint64_t value);

  std::string& out_;
};

}  // namespace trainer::plugins::protobuf
