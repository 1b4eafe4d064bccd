// SPDX-License-Identifier: Apache-2.0
#include "command/hints.hpp"

#include <algorithm>

#include "trainer/callback_handler.hpp"

namespace trainer::command {
namespace {

std::string no_log(const TrainingArguments& args, std::int64_t steps) {
  if (args.logging_strategy == "no") return "no loss is logged, since args.logging_strategy is \"no\"";
  return "no loss is logged: args.logging_steps is " + json::dump(args.get("logging_steps")) + ", and the run has " +
         std::to_string(steps) + " steps; lower it, or set logging_strategy to \"epoch\"";
}

bool has(const Trainer& trainer, std::string_view name) {
  const auto& entries = trainer.callback_handler().entries();
  return std::any_of(entries.begin(), entries.end(),
                     [&](const auto& entry) { return entry->name == name || entry->class_name == name; });
}

}  // namespace

std::vector<std::string> hints_before(const Trainer& trainer, const TrainingPlan& plan) {
  const auto& args = trainer.args();
  TrainerState state;
  state.compute_steps(args, plan.max_steps);
  std::vector<std::string> out;
  const bool by_steps = args.logging_strategy == "steps" && state.logging_steps <= static_cast<double>(plan.max_steps);
  if (!by_steps && args.logging_strategy != "epoch" && !args.logging_first_step)
    out.push_back(no_log(args, plan.max_steps));
  if (has(trainer, "EarlyStoppingCallback") && args.eval_strategy == "no")
    out.emplace_back(
        "early_stopping ends the run with an error at its start: it needs evaluations, and "
        "args.eval_strategy is \"no\"; set it to \"steps\" or \"epoch\"");
  return out;
}

std::vector<std::string> hints_after(const Trainer& trainer) {
  const auto& history = trainer.state().log_history;
  const bool logged =
      std::any_of(history.begin(), history.end(), [](const auto& entry) { return entry.contains("loss"); });
  if (logged || trainer.train_steps() == 0) return {};
  return {no_log(trainer.args(), trainer.state().max_steps)};
}

}  // namespace trainer::command
