// SPDX-License-Identifier: Apache-2.0
#include "run/run_parts.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

MetricSpec read_metric(const json::value& v, const std::string& place) {
  if (v.is_string()) return {.name = std::string(v.get_string())};
  if (!v.is_object()) RunSection::wrong_type(v, place, "a name, or an object with \"name\" and options");
  const RunSection metric(v, place);
  metric.allow({"name", "average", "k", "shift", "as"});
  MetricSpec out{.name = RunSection::text_of(metric.require("name", "the metric's name"), metric.place("name")),
                 .average = metric.text("average", ""),
                 .shift = metric.flag("shift"),
                 .as = metric.text("as", "")};
  if (const auto* k = metric.find("k"))
    out.k = RunSection::whole_number(*k, metric.place("k"), "a whole number from 1");
  return out;
}

// What is known of the outputs before a row is read; 0: nothing.
std::int64_t outputs_of(const RunFile& run) { return run.model.layers.empty() ? 0 : run.model.layers.back(); }

void check_against_loss(const MetricSpec& metric, const RunFile& run, const std::string& place) {
  if (run.loss.name.empty()) return;
  const auto outputs = outputs_of(run);
  const bool several = run.loss.binary() && outputs > 1;
  const bool of_numbers = takes_rows(metric, MetricRows::numbers);
  if (of_numbers != run.loss.of_numbers())
    throw_usage(error_id::run_file_invalid, place + " asks for " + metric.name + ", which needs " +
                                                (of_numbers ? "numbers" : "class labels") + ", but loss is \"" +
                                                run.loss.name + "\"; use \"" + (of_numbers ? "mse" : "cross_entropy") +
                                                "\" or leave the metric out");
  if (several && !takes_rows(metric, MetricRows::labels))
    throw_usage(error_id::run_file_invalid, place + " asks for " + metric.name + ", which needs one label a row, but " +
                                                "the model has " + std::to_string(outputs) +
                                                " outputs, each with a label of its own; leave the metric out");
  if (metric.name == "confusion_matrix" && outputs > most_confusion_classes)
    throw_usage(error_id::run_file_invalid,
                place + " asks for confusion_matrix, a table of at most " + std::to_string(most_confusion_classes) +
                    " classes, but the model has " + std::to_string(outputs) + " outputs; leave the metric out");
  if (averages_binary(metric) && (several || (run.loss.of_classes() && outputs > 2)))
    throw_usage(error_id::run_file_invalid,
                place + ": " + metric.name + " without another average is that of class 1 of two, but the model has " +
                    std::to_string(outputs) + " outputs; add \"average\": \"macro\", \"micro\" or \"weighted\"");
}

}  // namespace

void read_run_metrics(const RunSection& root, RunFile& run) {
  const auto* list = root.find("metrics");
  if (!list) return;
  const std::string where = root.place("metrics");
  if (!list->is_array()) RunSection::wrong_type(*list, where, "a list");
  const auto place = [&](std::size_t i) { return where + "[" + std::to_string(i) + "]"; };
  for (const auto& v : list->get_array()) run.metrics.push_back(read_metric(v, place(run.metrics.size())));
  check_metrics(run.metrics, error_id::run_file_invalid, where);
  for (std::size_t i = 0; i < run.metrics.size(); ++i) check_against_loss(run.metrics[i], run, place(i));
}

}  // namespace trainer
