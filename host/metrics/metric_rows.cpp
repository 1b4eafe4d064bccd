// SPDX-License-Identifier: Apache-2.0
#include "metrics/metric_rows.hpp"

#include <ATen/ATen.h>

#include <algorithm>

#include "data/failure.hpp"
#include "model/class_labels.hpp"
#include "trainer/error.hpp"
#include "trainer/loss.hpp"

namespace trainer {
namespace {

[[noreturn]] void refuse_rows(const std::string& who, const EvalPrediction& p, const std::string& expected) {
  throw_usage(error_id::metric_failed, who + " was given predictions " + tensor_text(p.predictions) + " and labels " +
                                           tensor_text(p.label_ids) + "; expected " + expected);
}

// As an argmax in preprocess_logits_for_metrics gives them.
bool are_classes(const EvalPrediction& p) {
  return !p.predictions.is_floating_point() && p.predictions.sizes() == p.label_ids.sizes();
}

bool with_one_more(const at::Tensor& shorter, const at::Tensor& longer) {
  auto sizes = shorter.sizes().vec();
  sizes.push_back(1);
  return longer.sizes() == sizes;
}

// [N] and [N, 1], either of either.
bool is_one_output(const EvalPrediction& p) {
  const auto &x = p.predictions, &y = p.label_ids;
  if (x.sizes() == y.sizes()) return x.dim() == 1 || (x.dim() > 1 && x.size(-1) == 1);
  return with_one_more(x, y) || with_one_more(y, x);
}

// [N, K] of outputs of any number of dimensions.
at::Tensor as_rows(const at::Tensor& outputs) {
  if (outputs.dim() < 2) return outputs.reshape({-1, 1});
  const auto last = outputs.movedim(class_dimension(outputs), -1);
  return last.reshape({-1, last.size(-1)});
}

at::Tensor as_numbers(const std::string& who, const at::Tensor& labels) {
  if (!labels.is_floating_point()) return labels.to(at::kLong);
  if (!labels.eq(labels.floor()).all().item<bool>())
    throw_usage(error_id::metric_failed, who +
                                             ": labels have fractions, expected classes, which are whole numbers; "
                                             "leave the metric out, or use one of numbers, such as \"mse\"");
  return labels.to(at::kLong);
}

}  // namespace

void ClassRows::for_each_part(const std::function<void(std::int64_t, const at::Tensor&)>& f) const {
  constexpr std::int64_t most_numbers = 1 << 20;
  const std::int64_t step = std::max<std::int64_t>(1, most_numbers / std::max<std::int64_t>(1, classes));
  for (std::int64_t first = 0; first < size(); first += step) {
    const auto rows = std::min(step, size() - first);
    const auto part =
        counted.defined() ? logits.index_select(0, counted.narrow(0, first, rows)) : logits.narrow(0, first, rows);
    f(first, part.to(at::kDouble));
  }
}

const ClassCounts& ClassRows::counts() const {
  if (!counts_) {
    const auto count = [this](const at::Tensor& of) { return at::bincount(of, {}, classes).to(at::kDouble); };
    counts_ = {count(labels.masked_select(labels.eq(predicted))), count(predicted), count(labels)};
  }
  return *counts_;
}

const at::Tensor& ClassRows::label_log_probabilities() const {
  if (!label_log_probabilities_.defined()) {
    std::vector<at::Tensor> parts;
    for_each_part([&](std::int64_t first, const at::Tensor& part) {
      parts.push_back(part.log_softmax(1).gather(1, labels.narrow(0, first, part.size(0)).unsqueeze(1)).squeeze(1));
    });
    label_log_probabilities_ = at::cat(parts);
  }
  return label_log_probabilities_;
}

MetricRows kind_of_rows(const EvalPrediction& p, const MetricsOptions& options) {
  if (options.problem_type == "regression") return MetricRows::numbers;
  if (options.problem_type == "single_label_classification" || is_one_output(p)) return MetricRows::classes;
  if (options.problem_type == "multi_label_classification") return MetricRows::labels;
  const bool labels = p.predictions.is_floating_point() && p.predictions.sizes() == p.label_ids.sizes();
  return labels ? MetricRows::labels : MetricRows::classes;
}

ClassRows class_rows(const std::string& who, const EvalPrediction& p, const MetricsOptions& options) {
  const bool may_be_one = options.problem_type != "single_label_classification";
  ClassRows out;
  if (are_classes(p)) {
    out.predicted = p.predictions.reshape(-1).to(at::kLong);
  } else if (may_be_one && p.predictions.is_floating_point() && is_one_output(p)) {
    const auto logits = p.predictions.reshape(-1);
    out.logits = at::stack({at::zeros_like(logits), logits}, 1);
    out.predicted = logits.gt(0).to(at::kLong);  // argmax would take a NaN for the highest
  } else if (class_labels_fit(p.predictions, p.label_ids) && p.predictions.is_floating_point()) {
    out.logits = as_rows(p.predictions);
  } else {
    refuse_rows(who, p, "logits with a dimension of classes that the labels have not, or classes in the labels' shape");
  }
  const auto labels = as_numbers(who, p.label_ids.reshape(-1));
  const auto counted = labels.ne(-100).logical_and_(labels.ne(options.ignore_index)).nonzero().squeeze(1);
  const bool all = counted.numel() == labels.numel();
  if (!all) out.counted = counted;
  out.labels = all ? labels : labels.index_select(0, counted);
  if (!out.has_logits()) {
    if (!all) out.predicted = out.predicted.index_select(0, counted);
    const auto most = [](const at::Tensor& t) { return t.numel() ? t.max().item<std::int64_t>() + 1 : 0; };
    out.classes = std::max(most(out.labels), most(out.predicted));
    refuse_class_out_of_range(who + ": of the predictions", out.predicted, out.classes, options.ignore_index);
  } else {
    out.classes = out.logits.size(1);
    if (!out.predicted.defined()) out.predicted = out.logits.argmax(1);
    if (!all) out.predicted = out.predicted.index_select(0, counted);
  }
  refuse_class_out_of_range(who, out.labels, out.classes, options.ignore_index);
  return out;
}

LabelRows label_rows(const std::string& who, const EvalPrediction& p, const MetricsOptions& options) {
  if (p.predictions.sizes() != p.label_ids.sizes())
    refuse_rows(who, p, "logits and labels of one shape, such as [N, K]");
  at::Tensor labels = as_rows(p.label_ids), outputs = as_rows(p.predictions);
  // Rows that only fill a batch up.
  const auto counted = labels.ne(-100).logical_and_(labels.ne(options.ignore_index)).any(1).nonzero().squeeze(1);
  if (counted.numel() != labels.size(0)) {
    labels = labels.index_select(0, counted);
    outputs = outputs.index_select(0, counted);
  }
  if (!labels.eq(0).logical_or_(labels.eq(1)).all().item<bool>())
    refuse_rows(who, p, "labels that are 0 or 1, one for each output; correct the labels");
  LabelRows out{.labels = labels.ne(0), .predicted = outputs.gt(0), .logits = {}};
  if (outputs.is_floating_point()) out.logits = outputs.to(at::kDouble);
  return out;
}

NumberRows number_rows(const std::string& who, const EvalPrediction& p) {
  if (p.predictions.sizes() != p.label_ids.sizes() && !is_one_output(p))
    refuse_rows(who, p, "numbers of one shape, such as [N, 1]");
  if (is_one_output(p))
    return {p.label_ids.reshape({-1, 1}).to(at::kDouble), p.predictions.reshape({-1, 1}).to(at::kDouble)};
  return {as_rows(p.label_ids).to(at::kDouble), as_rows(p.predictions).to(at::kDouble)};
}

EvalPrediction shifted(const std::string& who, const EvalPrediction& p) {
  if (p.label_ids.dim() < 2 || p.predictions.dim() < 2 || p.predictions.size(1) != p.label_ids.size(1))
    refuse_rows(who, p, "logits [N, T, C] and labels [N, T] of tokens, since \"shift\" is set; leave it out");
  const auto length = std::max<std::int64_t>(p.label_ids.size(1) - 1, 0);
  return {p.predictions.narrow(1, 0, length), p.label_ids.narrow(1, p.label_ids.size(1) - length, length)};
}

}  // namespace trainer
