// SPDX-License-Identifier: Apache-2.0
//
// Local time by POSIX.
#include "shared/system/clock.hpp"

namespace trainer::plugins {

std::tm local_time(std::time_t seconds) {
  std::tm parts{};
  ::localtime_r(&seconds, &parts);
  return parts;
}

}  // namespace trainer::plugins
