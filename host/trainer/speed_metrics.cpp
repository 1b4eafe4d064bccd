// SPDX-License-Identifier: Apache-2.0
#include "trainer/speed_metrics.hpp"

#include <cstdio>
#include <cstdlib>

namespace trainer {

double round_decimals(double x, int digits) {
  char text[400];
  std::snprintf(text, sizeof text, "%.*f", digits, x);
  return std::strtod(text, nullptr);
}

json::object speed_metrics(const std::string& split, double runtime, std::optional<double> num_samples,
                           std::optional<double> num_steps, std::optional<double> num_tokens) {
  json::object out{{split + "_runtime", round_decimals(runtime, 4)}};
  if (runtime == 0) return out;
  auto rate = [&](const char* name, std::optional<double> count) {
    if (count) out.emplace(split + name, round_decimals(*count / runtime, 3));
  };
  rate("_samples_per_second", num_samples);
  rate("_steps_per_second", num_steps);
  rate("_tokens_per_second", num_tokens);
  return out;
}

}  // namespace trainer
