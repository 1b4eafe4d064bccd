// SPDX-License-Identifier: Apache-2.0
//
// What make_metrics() calls; each is the function of scikit-learn of that name.
#pragma once

#include <limits>

#include "metrics/metric_rows.hpp"

namespace trainer {

inline constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

/// Whoever computes a metric says here what scikit-learn would warn of.
using MetricWarning = std::function<void(const std::string& what)>;

using ClassMetric = json::value (*)(const ClassRows&, const MetricSpec&, const MetricWarning&);
using LabelMetric = json::value (*)(const LabelRows&, const MetricSpec&, const MetricWarning&);
using NumberMetric = json::value (*)(const NumberRows&, const MetricSpec&, const MetricWarning&);

/// Null for a name that is none of these.
/// @{
ClassMetric class_metric(const std::string& name);    // class_metrics.cpp
LabelMetric label_metric(const std::string& name);    // label_metrics.cpp
NumberMetric number_metric(const std::string& name);  // number_metrics.cpp
/// @}

/// Of classes or labels: how often each is right, predicted and true.
struct MetricCounts {
  std::vector<double> right, predicted, actual;
};
/// precision, recall or f1 of these, averaged as `metric` says.
double averaged_score(const MetricCounts& counts, const MetricSpec& metric, const MetricWarning& warn);

/// The area under the ROC curve of `scores` [n] float64, for `positive` [n] bool; NaN where only one class is there.
double area_under_roc(const at::Tensor& positive, const at::Tensor& scores, const MetricWarning& warn);
/// roc_auc of labels [n, K] bool, whose scores `scores_of(k)` gives, averaged as `metric` says.
double averaged_roc_auc(const at::Tensor& labels, const std::function<at::Tensor(std::int64_t)>& scores_of,
                        const MetricSpec& metric, const MetricWarning& warn);

}  // namespace trainer
