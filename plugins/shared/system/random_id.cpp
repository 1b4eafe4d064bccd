// SPDX-License-Identifier: Apache-2.0
//
// Digits from std::random_device.
#include "shared/system/random_id.hpp"

#include <cstdio>
#include <random>

namespace trainer::plugins {

std::uint64_t random_below(std::uint64_t limit) {
  std::random_device source;
  return std::uniform_int_distribution<std::uint64_t>(0, limit - 1)(source);
}

std::string random_id(std::size_t length) {
  std::string id;
  while (id.size() < length) id.push_back("0123456789abcdefghijklmnopqrstuvwxyz"[random_below(36)]);
  return id;
}

std::string random_hex(std::size_t length) {
  std::string digits;
  while (digits.size() < length) {
    char eight[12];
    std::snprintf(eight, sizeof eight, "%08x", static_cast<unsigned>(random_below(std::uint64_t{1} << 32)));
    digits += eight;
  }
  digits.resize(length);
  return digits;
}

std::string uuid4() {
  std::string id = random_hex(32);
  id[12] = '4';                      // the version
  id[16] = "89ab"[random_below(4)];  // RFC 4122
  for (const std::size_t at : {20, 16, 12, 8}) id.insert(at, 1, '-');
  return id;
}

}  // namespace trainer::plugins
