// SPDX-License-Identifier: Apache-2.0
//
// Metrics of rows of several labels, each set or not.
#include <ATen/ATen.h>

#include <map>

#include "metrics/metric_functions.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// Of the rows whose labels are all right.
json::value subset_accuracy(const LabelRows& rows, const MetricSpec&, const MetricWarning&) {
  return rows.labels.eq(rows.predicted).all(1).to(at::kDouble).mean().item<double>();
}

std::vector<double> column_sums(const at::Tensor& set) {
  const auto sums = set.sum(0).to(at::kDouble).contiguous();
  return {sums.const_data_ptr<double>(), sums.const_data_ptr<double>() + sums.numel()};
}

// precision, recall, f1
json::value label_score(const LabelRows& rows, const MetricSpec& metric, const MetricWarning& warn) {
  if (averages_binary(metric))
    throw_usage(error_id::metric_failed, metric.name + " without another average is that of one label, but there are " +
                                             std::to_string(rows.labels.size(1)) +
                                             "; give it the average \"macro\", \"micro\" or \"weighted\"");
  return averaged_score(
      {column_sums(rows.labels.logical_and(rows.predicted)), column_sums(rows.predicted), column_sums(rows.labels)},
      metric, warn);
}

json::value label_roc_auc(const LabelRows& rows, const MetricSpec& metric, const MetricWarning& warn) {
  if (!rows.logits.defined())
    throw_usage(error_id::metric_failed, metric.name +
                                             " was given predictions that are labels already, expected logits; "
                                             "leave out what makes labels of them, or the metric");
  return averaged_roc_auc(
      rows.labels, [&](std::int64_t k) { return rows.logits.select(1, k).contiguous(); }, metric, warn);
}

}  // namespace

LabelMetric label_metric(const std::string& name) {
  static const std::map<std::string, LabelMetric> all{{"accuracy", subset_accuracy},
                                                      {"precision", label_score},
                                                      {"recall", label_score},
                                                      {"f1", label_score},
                                                      {"roc_auc", label_roc_auc}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace trainer
