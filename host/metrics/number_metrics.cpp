// SPDX-License-Identifier: Apache-2.0
//
// Metrics of numbers: of each output, and the mean of the outputs.
#include <ATen/ATen.h>

#include <map>

#include "metrics/metric_functions.hpp"

namespace trainer {
namespace {

json::value mean_squared_error(const NumberRows& rows, const MetricSpec&, const MetricWarning&) {
  return (rows.labels - rows.predicted).square().mean(0).mean().item<double>();
}

json::value root_mean_squared_error(const NumberRows& rows, const MetricSpec&, const MetricWarning&) {
  return (rows.labels - rows.predicted).square().mean(0).sqrt().mean().item<double>();
}

json::value mean_absolute_error(const NumberRows& rows, const MetricSpec&, const MetricWarning&) {
  return (rows.labels - rows.predicted).abs().mean(0).mean().item<double>();
}

json::value r2_score(const NumberRows& rows, const MetricSpec&, const MetricWarning& warn) {
  if (rows.labels.size(0) < 2) {
    warn("is NaN with less than two rows");
    return not_a_number;
  }
  const auto errors = (rows.labels - rows.predicted).square().sum(0);
  const auto spread = (rows.labels - rows.labels.mean(0)).square().sum(0);
  // Labels that are all the same leave nothing to explain: 1 for those who give them, else 0.
  const auto constant = errors.eq(0).to(at::kDouble);
  return at::where(spread.eq(0), constant, 1 - errors / spread).mean().item<double>();
}

json::value pearson(const NumberRows& rows, const MetricSpec&, const MetricWarning& warn) {
  const auto x = rows.labels - rows.labels.mean(0), y = rows.predicted - rows.predicted.mean(0);
  const auto below = x.square().sum(0).sqrt() * y.square().sum(0).sqrt();
  if (rows.labels.size(0) < 2 || below.eq(0).any().item<bool>()) {
    warn("is NaN where labels or predictions are all the same");
    return not_a_number;
  }
  return ((x * y).sum(0) / below).clamp(-1, 1).mean().item<double>();
}

}  // namespace

NumberMetric number_metric(const std::string& name) {
  static const std::map<std::string, NumberMetric> all{{"mse", mean_squared_error},
                                                       {"rmse", root_mean_squared_error},
                                                       {"mae", mean_absolute_error},
                                                       {"r2", r2_score},
                                                       {"pearson", pearson}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace trainer
