// SPDX-License-Identifier: Apache-2.0
//
// CRC-32C by table, and by the processor's own instruction where it has one.
#include "crc32c.hpp"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__aarch64__)
#include <arm_acle.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#endif

namespace trainer::tensorboard {
namespace {

constexpr std::uint32_t reversed_polynomial = 0x82F63B78u;  // bits reversed

using Tables = std::array<std::array<std::uint32_t, 256>, 8>;

// tables[k][b]: the checksum of byte b followed by k zero bytes ("slicing by 8", Kounavis and Berry
// 2005: eight look-ups that do not wait for each other).
constexpr Tables make_tables() {
  Tables made{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1u) != 0 ? reversed_polynomial : 0u);
    made[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t before = made[k - 1][byte];
      made[k][byte] = (before >> 8) ^ made[0][before & 0xFFu];
    }
  return made;
}

constexpr Tables tables = make_tables();

std::uint32_t load_little(const char* at) {
  const auto* b = reinterpret_cast<const unsigned char*>(at);
  return static_cast<std::uint32_t>(b[0]) | static_cast<std::uint32_t>(b[1]) << 8 |
         static_cast<std::uint32_t>(b[2]) << 16 | static_cast<std::uint32_t>(b[3]) << 24;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) std::uint32_t by_sse42(std::string_view bytes) {
  std::uint64_t crc = 0xFFFFFFFFu;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = _mm_crc32_u64(crc, word);
  }
  auto crc32 = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) crc32 = _mm_crc32_u8(crc32, static_cast<unsigned char>(*at));
  return ~crc32;
}

#elif defined(__aarch64__)

// clang declares the functions of <arm_acle.h> only where the whole file is compiled for CRC.
#if defined(__clang__)
#define TRAINER_TARGET_CRC __attribute__((target("crc")))
#define TRAINER_CRC32CD __builtin_arm_crc32cd
#define TRAINER_CRC32CB __builtin_arm_crc32cb
#else
#define TRAINER_TARGET_CRC __attribute__((target("+crc")))
#define TRAINER_CRC32CD __crc32cd
#define TRAINER_CRC32CB __crc32cb
#endif

TRAINER_TARGET_CRC std::uint32_t by_armv8(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, 8);
    crc = TRAINER_CRC32CD(crc, word);
  }
  for (; left > 0; ++at, --left) crc = TRAINER_CRC32CB(crc, static_cast<unsigned char>(*at));
  return ~crc;
}

#endif

}  // namespace

std::uint32_t crc32c_by_table(std::string_view bytes) {
  std::uint32_t crc = 0xFFFFFFFFu;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    const std::uint32_t low = load_little(at) ^ crc;
    const std::uint32_t high = load_little(at + 4);
    crc = tables[7][low & 0xFFu] ^ tables[6][(low >> 8) & 0xFFu] ^ tables[5][(low >> 16) & 0xFFu] ^
          tables[4][low >> 24] ^ tables[3][high & 0xFFu] ^ tables[2][(high >> 8) & 0xFFu] ^
          tables[1][(high >> 16) & 0xFFu] ^ tables[0][high >> 24];
  }
  for (; left > 0; ++at, --left) crc = (crc >> 8) ^ tables[0][(crc ^ static_cast<unsigned char>(*at)) & 0xFFu];
  return ~crc;
}

Crc32c crc32c_by_instruction() {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return by_sse42;
#elif defined(__aarch64__) && defined(__APPLE__)
  return by_armv8;  // every one of them has it
#elif defined(__aarch64__) && defined(__linux__)
  constexpr unsigned long hwcap_crc32 = 1ul << 7;  // HWCAP_CRC32 of <asm/hwcap.h>
  if ((getauxval(AT_HWCAP) & hwcap_crc32) != 0) return by_armv8;
#endif
  return nullptr;
}

std::uint32_t crc32c(std::string_view bytes) {
  static const Crc32c best = crc32c_by_instruction() != nullptr ? crc32c_by_instruction() : crc32c_by_table;
  return best(bytes);
}

}  // namespace trainer::tensorboard
