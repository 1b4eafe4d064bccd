// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/trainer.hpp"

namespace trainer::command {

/// "***** eval metrics *****" and a line a metric, as transformers' log_metrics() prints them.
void print_metrics(const std::string& title, const json::object& metrics);

/// After training: best metric, where the model and the results of plugins are,
/// and how to look at them. `seconds`: since the trainer was made.
void print_summary(const Trainer& trainer, double seconds);

}  // namespace trainer::command
