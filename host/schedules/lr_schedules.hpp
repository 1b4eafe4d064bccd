// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "trainer/lr_scheduler.hpp"
#include "trainer/number.hpp"

namespace trainer {

/// Multiplies the base rate after `step` scheduler steps; a whole number where Python gives an int.
using LrFactor = std::function<Number(std::int64_t step)>;

/// The curve of a step-driven type, or null when `type` is not one. `lr` is the base rate, for the
/// curves whose floor is given as a rate.
LrFactor make_lr_factor(std::string_view type, std::int64_t num_warmup_steps, std::int64_t num_training_steps,
                        double lr, const json::object& kwargs);

/// A scheduler of such a curve. `plain_function`: Python's is a function, whose state is None, and no object.
std::unique_ptr<LRScheduler> make_factor_scheduler(Optimizer& optimizer, LrFactor factor, bool plain_function);
std::unique_ptr<LRScheduler> make_plateau_scheduler(Optimizer& optimizer, const json::object& kwargs);
std::unique_ptr<LRScheduler> make_greedy_scheduler(Optimizer& optimizer, const json::object& kwargs);

}  // namespace trainer
