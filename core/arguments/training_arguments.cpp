// SPDX-License-Identifier: Apache-2.0
//
// What a run works out from its arguments: the steps of warmup, and the metric that it watches.
#include "trainer/training_arguments.hpp"

#include <cmath>

namespace trainer {

std::int64_t TrainingArguments::get_warmup_steps(std::int64_t num_training_steps) const {
  if (warmup_steps >= 1) return static_cast<std::int64_t>(warmup_steps);
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(num_training_steps) * warmup_steps));
}

std::string TrainingArguments::watched_metric() const {
  const std::string name = metric_for_best_model.value_or("loss");
  return name.rfind("eval_", 0) == 0 ? name : "eval_" + name;
}

}  // namespace trainer
