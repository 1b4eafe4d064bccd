// SPDX-License-Identifier: Apache-2.0
//
// Metrics of an evaluation by name, computed as scikit-learn does: docs/metrics.md.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "trainer/json.hpp"
#include "trainer/metric_spec.hpp"

namespace trainer {

/// What compute_metrics gets: all rows of an evaluation, on the CPU.
struct EvalPrediction {
  at::Tensor predictions;  ///< [N, ...] logits
  at::Tensor label_ids;    ///< [N, ...]
};
/// Gives names and numbers; the prefix ("eval_") is added.
using ComputeMetrics = std::function<json::object(const EvalPrediction&)>;

struct MetricsOptions {
  /// What the labels are, as PretrainedConfig says it: "single_label_classification", a class of each row, token or
  /// pixel; "multi_label_classification", where a label of each output is 1 or 0, and a logit above 0 stands for 1;
  /// "regression", numbers. Empty: numbers for the metrics of numbers; else classes where the logits have a dimension
  /// that the labels have not, or are whole numbers; and labels of each output where they have the labels' shape.
  std::string problem_type = {};
  std::int64_t ignore_index = -100;  ///< a class that does not count, beside -100
};

/// Metrics by their names in metric_names(). An Error (arguments.invalid) when there is no such one, or an option that
/// it cannot have; what it is given and cannot take is one that names the metric (metric.failed). What scikit-learn
/// warns of is a warning the first time. Without a label that counts a metric is NaN.
ComputeMetrics make_metrics(const std::vector<MetricSpec>& metrics, const MetricsOptions& options = {});

/// {"accuracy": share of labels at whose class the highest logit is}; the label -100 does not count, as in
/// cross_entropy, whose shapes it takes. Predictions of whole numbers in the labels' shape are classes already.
json::object accuracy(const EvalPrediction& p);

}  // namespace trainer
