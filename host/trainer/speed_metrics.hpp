// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "trainer/json.hpp"

namespace trainer {

/// Python's round(x, digits): the nearest decimal of the exact double.
double round_decimals(double x, int digits);

/// speed_metrics() of transformers' trainer_utils.py: <split>_runtime in seconds (4 decimals), and
/// the rates that are asked for (3 decimals).
json::object speed_metrics(const std::string& split, double runtime, std::optional<double> num_samples,
                           std::optional<double> num_steps, std::optional<double> num_tokens = {});

}  // namespace trainer
