// SPDX-License-Identifier: Apache-2.0
#include "trainer/metrics.hpp"

#include <ATen/ATen.h>

#include <memory>
#include <mutex>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "metrics/metric_functions.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

// One evaluation as the metrics of a list see it: each shape of it is made once.
class MetricInputs {
 public:
  MetricInputs(const EvalPrediction& p, const MetricsOptions& options) : given_(p), options_(options) {}

  json::value value(const MetricSpec& metric, const MetricWarning& warn) {
    if (takes_rows(metric, MetricRows::numbers)) return of_numbers(metric, warn);
    const EvalPrediction p = metric.shift ? shifted(metric.name, given_) : given_;
    if (kind_of_rows(p, options_) == MetricRows::labels) return of_labels(metric, p, warn);
    if (options_.problem_type == "regression") refuse(metric, "class labels, but the labels are numbers");
    auto& rows = classes_[metric.shift];
    if (!rows) rows = class_rows(metric.name, p, options_);
    if (rows->size() == 0 && metric.name != "confusion_matrix") return none(warn);
    return class_metric(metric.name)(*rows, metric, warn);
  }

 private:
  json::value of_labels(const MetricSpec& metric, const EvalPrediction& p, const MetricWarning& warn) {
    const LabelMetric function = label_metric(metric.name);
    if (!function) refuse(metric, "a class for each row, but there is a label for each output");
    auto& rows = labels_[metric.shift];
    if (!rows) rows = label_rows(metric.name, p, options_);
    return rows->labels.size(0) == 0 ? none(warn) : function(*rows, metric, warn);
  }

  json::value of_numbers(const MetricSpec& metric, const MetricWarning& warn) {
    if (!options_.problem_type.empty() && options_.problem_type != "regression")
      refuse(metric, "numbers, but the labels are classes");
    if (!numbers_) numbers_ = number_rows(metric.name, given_);
    return numbers_->labels.size(0) == 0 ? none(warn) : number_metric(metric.name)(*numbers_, metric, warn);
  }

  static json::value none(const MetricWarning& warn) {
    warn("is NaN where no label counts");
    return not_a_number;
  }

  [[noreturn]] static void refuse(const MetricSpec& metric, const std::string& needs) {
    throw_usage(error_id::metric_failed, metric.name + " needs " + needs + "; leave the metric out");
  }

  const EvalPrediction& given_;
  const MetricsOptions& options_;
  std::optional<ClassRows> classes_[2];  // [1]: shifted
  std::optional<LabelRows> labels_[2];
  std::optional<NumberRows> numbers_;
};

}  // namespace

ComputeMetrics make_metrics(const std::vector<MetricSpec>& metrics, const MetricsOptions& options) {
  static const std::vector<std::string> problems{"single_label_classification", "multi_label_classification",
                                                 "regression"};
  check_metrics(metrics, error_id::arguments_invalid, "metrics");
  if (!options.problem_type.empty() && !contains(problems, options.problem_type))
    throw_usage(error_id::arguments_invalid, "problem_type is \"" + options.problem_type +
                                                 "\", expected \"\" or one of " + join(problems) +
                                                 "; name one of these");
  // What was said once is not said at the next evaluation.
  struct Told {
    std::mutex mutex;  // accuracy() is one for all trainers
    std::set<std::string> sentences;
  };
  const auto told = std::make_shared<Told>();
  return [metrics, options, told](const EvalPrediction& p) {
    json::object out;
    MetricInputs inputs(p, options);
    for (const MetricSpec& metric : metrics) {
      const std::string name = metric.log_name();
      out[name] = inputs.value(metric, [&](const std::string& what) {
        const std::lock_guard guard(told->mutex);
        if (told->sentences.insert(name + what).second) log::warning("the metric " + name + " " + what);
      });
    }
    return out;
  };
}

json::object accuracy(const EvalPrediction& p) {
  static const ComputeMetrics only = make_metrics({{"accuracy"}}, {.problem_type = "single_label_classification"});
  return only(p);
}

}  // namespace trainer
