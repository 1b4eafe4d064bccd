// SPDX-License-Identifier: Apache-2.0
//
// DefaultFlowCallback: when the arguments make a run log, evaluate, save and stop.
#include <cmath>
#include <stdexcept>

#include "trainer/builtin_callbacks.hpp"

namespace trainer {
namespace {

// Python's `step % every == 0` for numbers that may be floats. A step count that resolved to zero
// divides by zero in transformers, too.
bool is_multiple(std::int64_t step, const Number& every, const char* name) {
  if (every == 0)
    throw std::invalid_argument(
        std::string("args.") + name +
        " resolves to 0 steps, because it is a share of max_steps and that is 0; give a number of "
        "steps from 1, or set its strategy to \"no\"");
  return std::fmod(static_cast<double>(step), every) == 0;
}

}  // namespace

void DefaultFlowCallback::on_step_end(CallbackContext& context) {
  const TrainingArguments& args = context.args;
  const TrainerState& state = context.state;
  TrainerControl& control = context.control;
  const auto step = state.global_step;
  const bool may_evaluate = args.eval_strategy == "steps" && args.eval_delay <= step;
  if (step == 1 && args.logging_first_step) control.should_log = true;
  if (args.logging_strategy == "steps" && is_multiple(step, state.logging_steps, "logging_steps"))
    control.should_log = true;
  const bool eval_due = args.eval_strategy == "steps" && is_multiple(step, state.eval_steps, "eval_steps");
  if (eval_due && may_evaluate) control.should_evaluate = true;
  if (args.save_strategy == "steps" && state.save_steps > 0 && is_multiple(step, state.save_steps, "save_steps"))
    control.should_save = true;
  if (step >= state.max_steps) {
    control.should_training_stop = true;
    if (!eval_due && may_evaluate) control.should_evaluate = true;
    if (args.save_strategy == "steps") control.should_save = true;
  }
}

void DefaultFlowCallback::on_epoch_end(CallbackContext& context) {
  const TrainingArguments& args = context.args;
  const TrainerState& state = context.state;
  TrainerControl& control = context.control;
  if (args.logging_strategy == "epoch") control.should_log = true;
  if (args.eval_strategy == "epoch" && args.eval_delay <= state.epoch) control.should_evaluate = true;
  if (args.save_strategy == "epoch") control.should_save = true;
}

}  // namespace trainer
