// SPDX-License-Identifier: Apache-2.0
#include "names.hpp"

#include <cstdio>

#include "system.hpp"

namespace trainer::tensorboard {

std::string rewrite_key(std::string_view key) {
  for (const char* group : {"eval", "test"}) {
    const std::string prefix = std::string(group) + "_";
    if (key.substr(0, prefix.size()) == prefix)
      return std::string(group) + "/" + std::string(key.substr(prefix.size()));
  }
  return "train/" + std::string(key);
}

std::string default_logdir(std::time_t now) {
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::tm t = local_time(now);
  char text[64];
  std::snprintf(text, sizeof text, "%s%02d_%02d-%02d-%02d_", months[t.tm_mon % 12], t.tm_mday, t.tm_hour, t.tm_min,
                t.tm_sec);
  return "runs/" + std::string(text) + host_name();
}

std::string expand_user(const std::string& path) {
  if (path.empty() || path[0] != '~') return path;
  const std::size_t slash = path.find('/');
  const std::string home = home_directory(path.substr(1, slash == std::string::npos ? slash : slash - 1));
  if (home.empty()) return path;
  return slash == std::string::npos ? home : home + path.substr(slash);
}

}  // namespace trainer::tensorboard
