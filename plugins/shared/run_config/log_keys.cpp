// SPDX-License-Identifier: Apache-2.0
//
// rewrite_logs() and its single values.
#include "shared/run_config/log_keys.hpp"

namespace trainer::plugins {

std::string rewrite_key(std::string_view key) {
  for (const char* group : {"eval", "test"}) {
    const std::string prefix = std::string(group) + "_";
    if (key.substr(0, prefix.size()) == prefix)
      return std::string(group) + "/" + std::string(key.substr(prefix.size()));
  }
  return "train/" + std::string(key);
}

bool is_single_value(std::string_view key) {
  return key == "train_runtime" || key == "train_samples_per_second" || key == "train_steps_per_second" ||
         key == "train_loss" || key == "total_flos";
}

}  // namespace trainer::plugins
