// SPDX-License-Identifier: Apache-2.0
#include "command/evaluation_names.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "discovery/version_range.hpp"
#include "trainer/error.hpp"

namespace trainer::command {
namespace {

// Trackers and early stopping only read what was logged.
bool may_add_metrics(const RunFile& run) {
  return std::any_of(run.callbacks.begin(), run.callbacks.end(), [](const auto& callback) {
    return PluginName::parse(callback.plugin, callback.where).name != "early_stopping";
  });
}

std::string logged(const MetricSpec& metric, const std::string& prefix) {
  const std::string name = metric.log_name();
  return name.starts_with(prefix) ? name : prefix + name;
}

std::string prefix_of(const std::string& set) { return set.empty() ? "eval_" : "eval_" + set + "_"; }

}  // namespace

std::vector<std::string> evaluation_names(const Session& session, const TrainingArguments& args, bool with_loss) {
  std::vector<std::string> out;
  for (const auto& [set, dataset] : session.data().eval()) {
    const std::string prefix = prefix_of(set);
    if (with_loss) out.push_back(prefix + "loss");
    if (!args.prediction_loss_only)
      for (const auto& metric : session.run_file().metrics)
        if (metric.name != "confusion_matrix") out.push_back(logged(metric, prefix));
    for (const char* speed : {"runtime", "samples_per_second", "steps_per_second"}) out.push_back(prefix + speed);
  }
  return out;
}

std::vector<std::string> evaluation_tables(const Session& session, const TrainingArguments& args) {
  std::vector<std::string> out;
  if (args.prediction_loss_only) return out;
  for (const auto& [set, dataset] : session.data().eval())
    for (const auto& metric : session.run_file().metrics)
      if (metric.name == "confusion_matrix") out.push_back(logged(metric, prefix_of(set)));
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
