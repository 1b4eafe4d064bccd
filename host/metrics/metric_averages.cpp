// SPDX-License-Identifier: Apache-2.0
//
// The averages over classes or labels that scikit-learn's average= names.
#include <ATen/ATen.h>

#include <numeric>

#include "metrics/metric_functions.hpp"

namespace trainer {
namespace {

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double weighted_mean(const std::vector<double>& values, const std::vector<double>& weights) {
  return std::inner_product(values.begin(), values.end(), weights.begin(), 0.0) /
         std::accumulate(weights.begin(), weights.end(), 0.0);
}

}  // namespace

double averaged_score(const MetricCounts& counts, const MetricSpec& metric, const MetricWarning& warn) {
  const bool precision = metric.name == "precision", recall = metric.name == "recall";
  const auto score = [&](double right, double predicted, double actual) {
    const double below = precision ? predicted : recall ? actual : predicted + actual;
    if (below != 0) return (precision || recall ? right : 2 * right) / below;
    warn(std::string("counts as 0 where there is no ") +
         (precision ? "predicted"
          : recall  ? "true"
                    : "true nor predicted") +
         " row of a class");
    return 0.0;
  };
  const auto sum = [](const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0); };
  if (metric.average == "micro") return score(sum(counts.right), sum(counts.predicted), sum(counts.actual));
  std::vector<double> scores;
  for (std::size_t i = 0; i < counts.right.size(); ++i)
    scores.push_back(score(counts.right[i], counts.predicted[i], counts.actual[i]));
  if (metric.average != "weighted" || sum(counts.actual) == 0) return mean_of(scores);
  return weighted_mean(scores, counts.actual);
}

double area_under_roc(const at::Tensor& positive, const at::Tensor& scores, const MetricWarning& warn) {
  const auto positives = positive.sum().item<std::int64_t>(), negatives = positive.numel() - positives;
  if (positives == 0 || negatives == 0) {
    warn("is NaN where the labels have one class only; evaluate rows of several");
    return not_a_number;
  }
  if (scores.isnan().any().item<bool>()) {
    warn("is NaN where logits are");
    return not_a_number;
  }
  const auto [sorted, order] = scores.sort();
  const auto in_order = positive.index_select(0, order).to(at::kDouble).contiguous();
  const double* score = sorted.const_data_ptr<double>();
  const double* is_positive = in_order.const_data_ptr<double>();
  // Of each pair of a positive and a negative row the share that is in order; one of equal scores is half in order.
  double below = 0, pairs = 0;
  for (std::int64_t i = 0, end; i < positive.numel(); i = end) {
    double in_tie = 0;
    for (end = i; end < positive.numel() && score[end] == score[i]; ++end) in_tie += is_positive[end];
    const double other = static_cast<double>(end - i) - in_tie;
    pairs += in_tie * (below + other / 2);
    below += other;
  }
  return pairs / static_cast<double>(positives) / static_cast<double>(negatives);
}

double averaged_roc_auc(const at::Tensor& labels, const std::function<at::Tensor(std::int64_t)>& scores_of,
                        const MetricSpec& metric, const MetricWarning& warn) {
  const auto outputs = labels.size(1);
  if (metric.average == "micro") {
    std::vector<at::Tensor> positive, scores;
    for (std::int64_t k = 0; k < outputs; ++k) positive.push_back(labels.select(1, k)), scores.push_back(scores_of(k));
    return area_under_roc(at::cat(positive), at::cat(scores), warn);
  }
  std::vector<double> areas, actual;
  for (std::int64_t k = 0; k < outputs; ++k) {
    actual.push_back(labels.select(1, k).sum().to(at::kDouble).item<double>());
    // One without weight has no say, whether it has an area or not.
    const bool counts = metric.average != "weighted" || actual.back() > 0;
    areas.push_back(counts ? area_under_roc(labels.select(1, k), scores_of(k), warn) : 0);
  }
  if (metric.average != "weighted") return mean_of(areas);
  return std::accumulate(actual.begin(), actual.end(), 0.0) == 0 ? 0 : weighted_mean(areas, actual);
}

}  // namespace trainer
