// SPDX-License-Identifier: Apache-2.0
//
// Puts time and host into a name.
#include "log_directory.hpp"

#include <cstdio>

#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"

namespace trainer::tensorboard {

std::string default_logdir(std::time_t now) {
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm t = plugins::local_time(now);
  char text[64];
  std::snprintf(text, sizeof text, "%s%02d_%02d-%02d-%02d_", months[t.tm_mon % 12], t.tm_mday, t.tm_hour, t.tm_min,
                t.tm_sec);
  return "runs/" + std::string(text) + plugins::host_name();
}

}  // namespace trainer::tensorboard
