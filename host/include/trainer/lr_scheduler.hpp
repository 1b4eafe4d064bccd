// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/json.hpp"

namespace c10 {
struct IValue;
}

namespace trainer {

class Optimizer;

/// Sets the learning rate of every group of an optimizer. The formulas are those of transformers'
/// `optimization.py`, in double and in its order of operations, so that the rates are equal to the
/// last bit. The optimizer must outlive the scheduler.
class LRScheduler {
 public:
  virtual ~LRScheduler();
  LRScheduler(const LRScheduler&) = delete;
  LRScheduler& operator=(const LRScheduler&) = delete;

  /// After each optimizer step. A metric-driven scheduler does nothing here.
  virtual void step() = 0;

  /// After each evaluation, with the metric that the run watches. Others do nothing here.
  virtual void step(double metric) = 0;

  /// True when evaluations drive it, and not steps.
  virtual bool metric_driven() const = 0;

  /// The rate of each group, as last set.
  virtual std::vector<double> get_last_lr() const = 0;

  /// What `state_dict()` of the Python scheduler returns, key for key.
  virtual c10::IValue state_dict() const = 0;

  /// The reverse; also takes what Python wrote. As in Python, base rates and counters are the saved
  /// ones afterwards, while the curve stays the one of this scheduler. Load the optimizer first: it
  /// brings its groups' rates. `where` names the source in Errors.
  virtual void load_state_dict(const c10::IValue& state, std::string_view where) = 0;

 protected:
  LRScheduler() = default;
};

/// The types that `lr_scheduler_type` may name.
const std::vector<std::string>& scheduler_names();

/// `get_scheduler()` of transformers. The constructor already sets the rate of the first step,
/// f(0). `num_warmup_steps` and `num_training_steps` count optimizer steps. `kwargs` is
/// `lr_scheduler_kwargs`; an unknown key or a wrong type is a usage Error. As in transformers, constant and
/// constant_with_warmup do not look at `kwargs`.
std::unique_ptr<LRScheduler> make_scheduler(std::string_view lr_scheduler_type, Optimizer& optimizer,
                                            std::int64_t num_warmup_steps, std::int64_t num_training_steps,
                                            const json::object& kwargs = {});

/// The factor of the base rate after `step` optimizer steps.
using LRLambda = std::function<double(std::int64_t step)>;

/// torch's LambdaLR: each group's rate is its own one before any schedule, times the factor.
std::unique_ptr<LRScheduler> make_lambda_scheduler(Optimizer& optimizer, LRLambda factor);

}  // namespace trainer
