// SPDX-License-Identifier: Apache-2.0
#include "command/summary.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>

#include "command/hints.hpp"
#include "command/print.hpp"
#include "command/result_lines.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/stop_signals.hpp"

namespace trainer::command {
namespace fs = std::filesystem;
namespace {

void line(const std::string& name, const std::string& text) {
  print_line("  " + name + std::string(name.size() < 16 ? 16 - name.size() : 1, ' ') + text);
}

// What callbacks take is counted by samples, which a few slow ones can make more than the whole.
std::string percent(double share) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f %%", 100 * std::min(share, 1.0));
  return text;
}

// Where the time went that is not the model's. A callback that takes more than this share of it is named.
constexpr double worth_naming = 0.05;

void print_costs(const Trainer& trainer, double total) {
  if (trainer.train_steps() > 0)
    line("waited for data", percent(trainer.data_seconds() / trainer.train_seconds()) + " of the training");
  double callbacks = 0;
  std::string named;
  for (const auto& entry : trainer.callback_handler().entries()) {
    callbacks += entry->cost.seconds;
    if (entry->cost.seconds > worth_naming * total)
      named += (named.empty() ? "; " : ", ") + entry->name + " " + percent(entry->cost.seconds / total);
  }
  line("callbacks", percent(callbacks / total) + " of the run" + named);
  for (const auto& entry : trainer.callback_handler().entries()) {
    if (!entry->plugin()) continue;
    const CallbackCost& cost = entry->cost;
    line("  " + entry->name, percent(cost.seconds / total) + ", " + std::to_string(cost.calls) + " calls, " +
                                 std::to_string(cost.errors) + " failed");
  }
}

}  // namespace

void print_metrics(const std::string& title, const json::object& metrics) {
  std::size_t width = 0;
  for (const auto& entry : metrics) width = std::max(width, entry.key().size());
  print_line("***** " + title + " metrics *****");
  for (const auto& entry : metrics) {
    const auto& v = entry.value();
    const std::string key = entry.key();
    print_line("  " + key + std::string(width - key.size(), ' ') + " = " +
               (v.is_double() ? number_text(v.get_double()) : json::dump(v)));
  }
}

void print_summary(const Trainer& trainer, double seconds) {
  const TrainerState& state = trainer.state();
  const TrainingArguments& args = trainer.args();
  const fs::path output_dir = args.output_dir;
  const char* how = StopSignals::received() ? "stopped by a signal" : "done";
  std::cout << "\nTraining " << how << ": " << state.global_step << " of " << state.max_steps << " steps, "
            << number_text(state.epoch) << " epochs" << (trainer.train_steps() ? "" : "; nothing was left to train")
            << "\n";
  if (state.best_metric) {
    line("best metric", args.watched_metric() + " = " + number_text(*state.best_metric) +
                            (state.best_global_step ? " at step " + std::to_string(*state.best_global_step) : ""));
  }
  line("model", (output_dir / weights_file).string() +
                    (args.load_best_model_at_end && state.best_model_checkpoint ? " (the best)" : " (the last)"));
  if (state.best_model_checkpoint) line("best checkpoint", *state.best_model_checkpoint);
  print_results(readable(trainer.plugin_results()), line);
  print_costs(trainer, seconds);
  for (const auto& hint : hints_after(trainer)) line("hint", hint);
}

}  // namespace trainer::command
