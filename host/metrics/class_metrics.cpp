// SPDX-License-Identifier: Apache-2.0
//
// Metrics of rows with a class each.
#include <ATen/ATen.h>

#include <cmath>
#include <limits>
#include <map>

#include "metrics/metric_functions.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

[[noreturn]] void refuse_class_rows(const MetricSpec& metric, const std::string& what) {
  throw_usage(error_id::metric_failed, metric.name + what);
}

void require_logits(const ClassRows& rows, const MetricSpec& metric) {
  if (!rows.has_logits())
    refuse_class_rows(
        metric,
        " was given predictions that are classes already, expected logits; leave out what makes classes of "
        "them, or the metric");
}

json::value class_accuracy(const ClassRows& rows, const MetricSpec&, const MetricWarning&) {
  const auto right = rows.labels.eq(rows.predicted).sum().item<std::int64_t>();
  return static_cast<double>(right) / static_cast<double>(rows.size());
}

json::value balanced_accuracy(const ClassRows& rows, const MetricSpec&, const MetricWarning& warn) {
  const ClassCounts& counts = rows.counts();
  const auto there = counts.actual.gt(0);
  if (counts.predicted.masked_select(there.logical_not()).gt(0).any().item<bool>())
    warn("leaves out classes that are predicted but do not occur as labels");
  return counts.right.masked_select(there).div(counts.actual.masked_select(there)).mean().item<double>();
}

std::vector<double> doubles(const at::Tensor& values) {
  const auto flat = values.contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

// precision, recall, f1
json::value class_score(const ClassRows& rows, const MetricSpec& metric, const MetricWarning& warn) {
  const ClassCounts& counts = rows.counts();
  const bool binary = averages_binary(metric);
  if (binary && rows.classes > 2)
    refuse_class_rows(metric, " without another average is that of class 1 of two, but there are " +
                                  std::to_string(rows.classes) +
                                  " classes; give it the average \"macro\", \"micro\" or \"weighted\"");
  // Of the classes that are labels or predicted; of two the class 1.
  at::Tensor which = binary ? at::ones({1}, at::kLong) : (counts.predicted + counts.actual).nonzero().squeeze(1);
  if (binary && rows.classes < 2) return averaged_score({{0}, {0}, {0}}, metric, warn);
  const auto of = [&](const at::Tensor& all) { return doubles(all.index_select(0, which)); };
  return averaged_score({of(counts.right), of(counts.predicted), of(counts.actual)}, metric, warn);
}

json::value matthews(const ClassRows& rows, const MetricSpec&, const MetricWarning&) {
  const ClassCounts& counts = rows.counts();
  const auto dot = [](const at::Tensor& a, const at::Tensor& b) { return at::dot(a, b).item<double>(); };
  const double right = counts.right.sum().item<double>(), all = static_cast<double>(rows.size());
  const double both = right * all - dot(counts.actual, counts.predicted);
  const double below =
      (all * all - dot(counts.predicted, counts.predicted)) * (all * all - dot(counts.actual, counts.actual));
  return below == 0 ? 0.0 : both / std::sqrt(below);
}

json::value class_roc_auc(const ClassRows& rows, const MetricSpec& metric, const MetricWarning& warn) {
  require_logits(rows, metric);
  if (rows.classes == 2) {
    std::vector<at::Tensor> scores;  // the probability grows with it
    rows.for_each_part(
        [&](std::int64_t, const at::Tensor& part) { scores.push_back(part.select(1, 1) - part.select(1, 0)); });
    return area_under_roc(rows.labels.eq(1), at::cat(scores), warn);
  }
  std::vector<at::Tensor> parts;
  rows.for_each_part([&](std::int64_t, const at::Tensor& part) { parts.push_back(part.softmax(1)); });
  const auto probabilities = at::cat(parts);
  const auto is = rows.labels.unsqueeze(1).eq(at::arange(rows.classes, at::kLong));
  return averaged_roc_auc(is, [&](std::int64_t k) { return probabilities.select(1, k); }, metric, warn);
}

json::value top_k_accuracy(const ClassRows& rows, const MetricSpec& metric, const MetricWarning& warn) {
  require_logits(rows, metric);
  const std::int64_t k = metric.k == 0 ? 2 : metric.k;
  if (k == 1 && rows.classes == 2) return class_accuracy(rows, metric, warn);
  if (k >= rows.classes)
    warn("is 1 with a k of " + std::to_string(k) + " and " + std::to_string(rows.classes) + " classes");
  std::int64_t hits = 0;
  bool nan = false;
  rows.for_each_part([&](std::int64_t first, const at::Tensor& part) {
    nan = nan || part.isnan().any().item<bool>();
    const auto label = rows.labels.narrow(0, first, part.size(0)).unsqueeze(1);
    const auto own = part.gather(1, label);
    // Of equal logits the last class stands before.
    const auto later = at::arange(rows.classes, at::kLong).gt(label);
    const auto before = part.gt(own).logical_or_(part.eq(own).logical_and_(later)).sum(1);
    hits += before.lt(k).sum().item<std::int64_t>();
  });
  if (nan) {
    warn("is NaN where logits are");
    return not_a_number;
  }
  return static_cast<double>(hits) / static_cast<double>(rows.size());
}

json::value log_loss(const ClassRows& rows, const MetricSpec& metric, const MetricWarning&) {
  require_logits(rows, metric);
  constexpr double least = std::numeric_limits<double>::epsilon();
  return -rows.label_log_probabilities().exp().clamp(least, 1 - least).log().mean().item<double>();
}

json::value perplexity(const ClassRows& rows, const MetricSpec& metric, const MetricWarning&) {
  require_logits(rows, metric);
  return std::exp(-rows.label_log_probabilities().mean().item<double>());
}

json::value confusion_matrix(const ClassRows& rows, const MetricSpec& metric, const MetricWarning&) {
  if (rows.classes > most_confusion_classes)
    refuse_class_rows(metric, " is a table of at most " + std::to_string(most_confusion_classes) +
                                  " classes, but there are " + std::to_string(rows.classes) + "; leave it out");
  const auto counts = at::bincount(rows.labels * rows.classes + rows.predicted, {}, rows.classes * rows.classes);
  json::array table;
  for (std::int64_t label = 0; label < rows.classes; ++label) {
    const auto* count = counts.const_data_ptr<std::int64_t>() + label * rows.classes;
    table.push_back(json::array(count, count + rows.classes));
  }
  return table;
}

}  // namespace

ClassMetric class_metric(const std::string& name) {
  static const std::map<std::string, ClassMetric> all{{"accuracy", class_accuracy},
                                                      {"balanced_accuracy", balanced_accuracy},
                                                      {"precision", class_score},
                                                      {"recall", class_score},
                                                      {"f1", class_score},
                                                      {"matthews", matthews},
                                                      {"roc_auc", class_roc_auc},
                                                      {"top_k_accuracy", top_k_accuracy},
                                                      {"log_loss", log_loss},
                                                      {"perplexity", perplexity},
                                                      {"confusion_matrix", confusion_matrix}};
  const auto found = all.find(name);
  return found == all.end() ? nullptr : found->second;
}

}  // namespace trainer
