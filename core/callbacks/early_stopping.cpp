// SPDX-License-Identifier: Apache-2.0
//
// EarlyStoppingCallback of transformers' trainer_callback.py. `state.best_metric` is the trainer's, set after
// on_evaluate and without regard to the threshold; so a metric that creeps by less than the threshold each time never
// resets the counter. plugins/early_stopping is the same as a plugin; a test plays one run to both.
#include <cmath>
#include <stdexcept>

#include "trainer/builtin_callbacks.hpp"
#include "trainer/log.hpp"

namespace trainer {

void EarlyStoppingCallback::on_train_begin(CallbackContext& context) {
  const TrainingArguments& args = context.args;
  if (!args.load_best_model_at_end)
    log::warning(
        "load_best_model_at_end is off: after training, the model stays that of the last step, not the best one");
  if (!args.metric_for_best_model)
    throw std::invalid_argument(
        "early stopping needs args.metric_for_best_model, which is not set; set it to a metric of the evaluation, such "
        "as \"loss\"");
  if (args.eval_strategy == "no")
    throw std::invalid_argument(
        "early stopping needs evaluations, but args.eval_strategy is \"no\"; set it to \"steps\" or \"epoch\"");
}

void EarlyStoppingCallback::on_evaluate(CallbackContext& context) {
  const std::string name = context.args.watched_metric();
  const auto* found = context.metrics->if_contains(name);
  if (!found || !found->is_number()) {
    log::warning("the evaluation gave no \"" + name +
                 "\", which args.metric_for_best_model asks for; this evaluation is not counted");
    return;
  }
  const auto metric = found->to_number<double>();
  const auto& best = context.state.best_metric;
  const bool better = best && (context.args.greater_is_better.value_or(false) ? metric > *best : metric < *best);
  if (!best || (better && std::abs(metric - *best) > early_stopping_threshold_))
    early_stopping_patience_counter_ = 0;
  else
    ++early_stopping_patience_counter_;
  if (early_stopping_patience_counter_ >= early_stopping_patience_) context.control.should_training_stop = true;
}

json::object EarlyStoppingCallback::state() const {
  return {{"args", json::object{{"early_stopping_patience", early_stopping_patience_},
                                {"early_stopping_threshold", early_stopping_threshold_.to_json()}}},
          {"attributes", json::object{{"early_stopping_patience_counter", early_stopping_patience_counter_}}}};
}

void EarlyStoppingCallback::load_state(const json::object& state) {
  const auto number = [&](const char* part, const char* name) -> const json::value* {
    const auto* object = state.if_contains(part);
    const auto* found = object && object->is_object() ? object->get_object().if_contains(name) : nullptr;
    return found && found->is_number() ? found : nullptr;
  };
  if (const auto* patience = number("args", "early_stopping_patience"); patience && patience->is_int64())
    early_stopping_patience_ = patience->get_int64();
  if (const auto* threshold = number("args", "early_stopping_threshold"))
    early_stopping_threshold_ =
        threshold->is_double() ? Number(threshold->get_double()) : Number(threshold->to_number<std::int64_t>());
  const auto* counter = number("attributes", "early_stopping_patience_counter");
  if (!counter || !counter->is_int64() || counter->get_int64() < 0)
    throw std::invalid_argument(
        "the stored state has no early_stopping_patience_counter that is a whole number from 0");
  early_stopping_patience_counter_ = counter->get_int64();
}

}  // namespace trainer
