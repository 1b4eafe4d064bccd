// SPDX-License-Identifier: Apache-2.0
//
// An encoded protobuf message, read field by field.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace trainer::plugins::protobuf {

/// Walks the fields of an encoded message; ends at the first that cannot be read.
class Fields {
 public:
  explicit Fields(std::string_view message) : rest_(message) {}

  bool next();
  unsigned number() const { return number_; }
  std::int64_t integer() const { return integer_; }  ///< of a varint
  std::string_view bytes() const { return bytes_; }  ///< of a string or a message

 private:
  bool varint(std::uint64_t& value);

  std::string_view rest_, bytes_;
  unsigned number_ = 0;
  std::int64_t integer_ = 0;
};

/// The last field of that number that is a message or a string.
std::optional<std::string_view> find_bytes(std::string_view message, unsigned field);
/// The last field of that number that is an integer, or 0.
std::int64_t find_integer(std::string_view message, unsigned field);

}  // namespace trainer::plugins::protobuf
