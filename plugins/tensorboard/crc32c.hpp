// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C (Castagnoli: RFC 3720, appendix B.4), with the processor's instruction when it has one.
#pragma once

#include <cstdint>
#include <string_view>

namespace trainer::tensorboard {

/// The checksum by the fastest way this processor has; chosen once.
std::uint32_t crc32c(std::string_view bytes);

/// As TFRecord files store it (record_writer.py): a checksum of bytes that hold checksums is weak,
/// so it is rotated and shifted by a constant.
inline std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

/// The ways, for tests that compare them. The second is null where the instruction is missing.
using Crc32c = std::uint32_t (*)(std::string_view bytes);
std::uint32_t crc32c_by_table(std::string_view bytes);
Crc32c crc32c_by_instruction();

}  // namespace trainer::tensorboard
