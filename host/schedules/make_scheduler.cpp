// SPDX-License-Identifier: Apache-2.0
//
// The schedulers that lr_scheduler_type may name.
#include "base/text.hpp"
#include "schedules/lr_schedules.hpp"
#include "trainer/error.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

std::unique_ptr<LRScheduler> make_scheduler(std::string_view type, Optimizer& optimizer, std::int64_t num_warmup_steps,
                                            std::int64_t num_training_steps, const json::object& kwargs) {
  if (type == "reduce_lr_on_plateau") return make_plateau_scheduler(optimizer, kwargs);
  if (type == "greedy") return make_greedy_scheduler(optimizer, kwargs);
  LrFactor factor = make_lr_factor(type, num_warmup_steps, num_training_steps, optimizer.default_lr(), kwargs);
  if (factor) return make_factor_scheduler(optimizer, std::move(factor), type == "constant");
  const std::string near = nearest(type, scheduler_names());
  throw_usage(error_id::arguments_invalid, "args: found lr_scheduler_type '" + std::string(type) +
                                               "', expected one of " + join(scheduler_names()) +
                                               (near.empty() ? "" : "; did you mean '" + near + "'?"));
}

std::unique_ptr<LRScheduler> make_lambda_scheduler(Optimizer& optimizer, LRLambda factor) {
  if (!factor)
    throw_usage(error_id::arguments_invalid,
                "make_lambda_scheduler was given no function; give it one that makes a factor of a step");
  return make_factor_scheduler(
      optimizer, [factor = std::move(factor)](std::int64_t step) { return Number(factor(step)); }, true);
}

}  // namespace trainer
