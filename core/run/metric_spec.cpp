// SPDX-License-Identifier: Apache-2.0
#include "trainer/metric_spec.hpp"

#include <utility>

#include "base/text.hpp"

namespace trainer {
namespace {

// What a metric is of, as bits.
enum : unsigned { of_classes = 1, of_labels = 2, of_numbers = 4 };

struct MetricKind {
  unsigned takes;
  std::vector<std::string> averages;  // none: it has no such option
};

const std::vector<std::pair<std::string, MetricKind>> metric_kinds{
    {"accuracy", {of_classes | of_labels, {}}},
    {"balanced_accuracy", {of_classes, {}}},
    {"precision", {of_classes | of_labels, {"binary", "micro", "macro", "weighted"}}},
    {"recall", {of_classes | of_labels, {"binary", "micro", "macro", "weighted"}}},
    {"f1", {of_classes | of_labels, {"binary", "micro", "macro", "weighted"}}},
    {"matthews", {of_classes, {}}},
    {"roc_auc", {of_classes | of_labels, {"micro", "macro", "weighted"}}},
    {"top_k_accuracy", {of_classes, {}}},
    {"log_loss", {of_classes, {}}},
    {"perplexity", {of_classes, {}}},
    {"confusion_matrix", {of_classes, {}}},
    {"mse", {of_numbers, {}}},
    {"rmse", {of_numbers, {}}},
    {"mae", {of_numbers, {}}},
    {"r2", {of_numbers, {}}},
    {"pearson", {of_numbers, {}}}};

// As scikit-learn, evaluate and torchmetrics call them.
const std::vector<std::pair<std::string_view, const char*>> other_names{{"auc", "roc_auc"},
                                                                        {"auroc", "roc_auc"},
                                                                        {"mcc", "matthews"},
                                                                        {"matthews_corrcoef", "matthews"},
                                                                        {"matthews_correlation", "matthews"},
                                                                        {"f1_score", "f1"},
                                                                        {"r2_score", "r2"},
                                                                        {"ppl", "perplexity"},
                                                                        {"mean_squared_error", "mse"},
                                                                        {"root_mean_squared_error", "rmse"},
                                                                        {"mean_absolute_error", "mae"}};

std::string nearest_metric(const std::string& name) {
  for (const auto& [other, ours] : other_names)
    if (lower(name) == other) return ours;
  return nearest(name, metric_names());
}

const MetricKind* kind_of(const std::string& name) {
  for (const auto& [known, kind] : metric_kinds)
    if (known == name) return &kind;
  return nullptr;
}

void check_metric(const MetricSpec& metric, ErrorId id, const std::string& where) {
  const auto refuse = [&](const std::string& what) { throw_usage(id, where + what); };
  const MetricKind* kind = kind_of(metric.name);
  if (!kind) {
    const std::string near = nearest_metric(metric.name);
    refuse(": there is no metric \"" + metric.name + "\"; " +
           (near.empty() ? "expected one of " + join(metric_names()) : "did you mean \"" + near + "\"?"));
  }
  if (!metric.average.empty() && kind->averages.empty())
    refuse(": " + metric.name + " has no \"average\"; leave it out");
  if (!metric.average.empty() && !contains(kind->averages, metric.average))
    refuse(": the average of " + metric.name + " is \"" + metric.average + "\", expected one of " +
           join(kind->averages) + "; name one of these");
  if (metric.k != 0 && metric.name != "top_k_accuracy") refuse(": " + metric.name + " has no \"k\"; leave it out");
  if (metric.k < 0)
    refuse(": k of " + metric.name + " is " + std::to_string(metric.k) +
           ", expected a whole number from 1; say how many of the highest classes count");
  if (metric.shift && (kind->takes & of_classes) == 0)
    refuse(": " + metric.name + " has no \"shift\", which is for classes of tokens; leave it out");
}

}  // namespace

std::string MetricSpec::log_name() const {
  if (!as.empty()) return as;
  return name + (average.empty() ? "" : "_" + average) + (k == 0 ? "" : "_" + std::to_string(k));
}

bool takes_rows(const MetricSpec& metric, MetricRows rows) {
  const MetricKind* kind = kind_of(metric.name);
  const unsigned wanted = rows == MetricRows::classes  ? of_classes
                          : rows == MetricRows::labels ? of_labels
                                                       : of_numbers;
  return kind && (kind->takes & wanted) != 0;
}

bool lower_is_better(const MetricSpec& metric) {
  return contains({"log_loss", "perplexity", "mse", "rmse", "mae"}, metric.name);
}

bool averages_binary(const MetricSpec& metric) {
  const MetricKind* kind = kind_of(metric.name);
  if (!kind || !contains(kind->averages, "binary")) return false;
  return metric.average.empty() || metric.average == "binary";
}

const std::vector<std::string>& metric_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const auto& [name, kind] : metric_kinds) out.push_back(name);
    return out;
  }();
  return names;
}

void check_metrics(const std::vector<MetricSpec>& metrics, ErrorId id, const std::string& where) {
  static const std::vector<std::string> taken{
      "loss", "runtime", "samples_per_second", "steps_per_second", "model_preparation_time", "epoch", "step"};
  std::vector<std::string> names;
  for (std::size_t i = 0; i < metrics.size(); ++i) {
    const std::string place = where + "[" + std::to_string(i) + "]";
    check_metric(metrics[i], id, place);
    std::string name = metrics[i].log_name();
    if (name.starts_with("eval_")) name.erase(0, 5);  // which logs have once
    if (contains(taken, name))
      throw_usage(id, place + " has the name \"" + name +
                          "\" in logs, as what every evaluation logs; give it another with \"as\"");
    if (contains(names, name))
      throw_usage(id, place + " has the name \"" + name +
                          "\" in logs, as one before; leave it out, or give it another " + "with \"as\"");
    names.push_back(name);
  }
}

}  // namespace trainer
