// SPDX-License-Identifier: Apache-2.0
//
// Local time by the C library of Windows.
#include "shared/system/clock.hpp"

namespace trainer::plugins {

std::tm local_time(std::time_t seconds) {
  std::tm parts{};
  ::localtime_s(&parts, &seconds);
  return parts;
}

}  // namespace trainer::plugins
