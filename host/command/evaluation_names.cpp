// SPDX-License-Identifier: Apache-2.0
#include "command/evaluation_names.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer::command {
namespace {

// Trackers and early stopping only read what was logged.
bool may_add_metrics(const RunFile& run) {
  return std::any_of(run.callbacks.begin(), run.callbacks.end(),
                     [](const auto& callback) { return callback.plugin != "early_stopping"; });
}

}  // namespace

std::vector<std::string> evaluation_names(const Session& session, const TrainingArguments& args, bool with_loss) {
  std::vector<std::string> out;
  for (const auto& [set, dataset] : session.data().eval()) {
    const std::string prefix = set.empty() ? "eval_" : "eval_" + set + "_";
    if (with_loss) out.push_back(prefix + "loss");
    if (!args.prediction_loss_only)
      for (const auto& metric : session.run_file().metrics) {
        const std::string name = metric.log_name();
        if (metric.name != "confusion_matrix") out.push_back(name.starts_with(prefix) ? name : prefix + name);
      }
    for (const char* speed : {"runtime", "samples_per_second", "steps_per_second"}) out.push_back(prefix + speed);
  }
  return out;
}

void require_watched_metric(const Session& session, const TrainingArguments& args,
                            const std::vector<std::string>& names) {
  if (!args.metric_for_best_model || args.eval_strategy == "no" || names.empty()) return;
  const std::string name = args.watched_metric();
  if (contains(names, name) || may_add_metrics(session.run_file())) return;
  const std::string near = nearest(name, names);
  throw_usage(error_id::metric_missing,
              "args.metric_for_best_model asks for \"" + name + "\", but an evaluation of this run gives " +
                  join(names) + "; " +
                  (near.empty() ? "name one of these" : "did you mean \"" + near + "\"? Name one of these") +
                  ", or add the metric to the run's metrics");
}

}  // namespace trainer::command
