// SPDX-License-Identifier: Apache-2.0
//
// Reads fields of protobuf's wire format.
#include "shared/protobuf/fields.hpp"

namespace trainer::plugins::protobuf {

bool Fields::next() {
  std::uint64_t key = 0, value = 0;
  if (rest_.empty() || !varint(key)) return false;
  number_ = static_cast<unsigned>(key >> 3);
  integer_ = 0;
  bytes_ = {};
  std::size_t size = 0;
  switch (key & 7) {
    case 0:
      if (!varint(value)) return false;
      integer_ = static_cast<std::int64_t>(value);
      return true;
    case 1:
      size = 8;
      break;
    case 2:
      if (!varint(value)) return false;
      size = static_cast<std::size_t>(value);
      break;
    case 5:
      size = 4;
      break;
    default:
      return false;
  }
  if (size > rest_.size()) return false;
  bytes_ = rest_.substr(0, size);
  rest_.remove_prefix(size);
  return true;
}

bool Fields::varint(std::uint64_t& value) {
  value = 0;
  for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(rest_.front());
    rest_.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7F) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

std::optional<std::string_view> find_bytes(std::string_view message, unsigned field) {
  std::optional<std::string_view> found;
  for (Fields fields(message); fields.next();)
    if (fields.number() == field && fields.bytes().data() != nullptr) found = fields.bytes();
  return found;
}

std::int64_t find_integer(std::string_view message, unsigned field) {
  std::int64_t found = 0;
  for (Fields fields(message); fields.next();)
    if (fields.number() == field) found = fields.integer();
  return found;
}

}  // namespace trainer::plugins::protobuf
