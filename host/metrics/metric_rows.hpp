// SPDX-License-Identifier: Apache-2.0
//
// The predictions and labels of an evaluation in the shapes that metrics are computed from.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "trainer/metrics.hpp"

namespace trainer {

/// How often each class is predicted rightly, is predicted, and is a label: [classes] float64 each.
struct ClassCounts {
  at::Tensor right, predicted, actual;
};

/// Rows, tokens or pixels with a class each; those whose label does not count are left out.
struct ClassRows {
  at::Tensor labels;         ///< [n] int64, from 0 to classes - 1
  at::Tensor predicted;      ///< [n] int64: the class of the highest logit, the first of several
  std::int64_t classes = 0;  ///< the logits' number, or as many as labels and predictions have

  std::int64_t size() const { return labels.numel(); }
  bool has_logits() const { return logits.defined(); }
  /// Calls `f(first, logits)` with float64 logits [m, classes] of the rows from `first` on, some at a time: those of
  /// tokens may be too many to be copied at once.
  void for_each_part(const std::function<void(std::int64_t first, const at::Tensor& logits)>& f) const;

  at::Tensor logits;   ///< [all rows, classes]; undefined where predictions are classes
  at::Tensor counted;  ///< [n], which of all rows; undefined: all

  /// Several metrics ask for these, which are computed when the first does.
  /// @{
  const ClassCounts& counts() const;
  const at::Tensor& label_log_probabilities() const;  ///< [n] float64, of each row's label
                                                      /// @}

 private:
  mutable std::optional<ClassCounts> counts_;
  mutable at::Tensor label_log_probabilities_;
};

/// Rows of several labels, each set or not.
struct LabelRows {
  at::Tensor labels;     ///< [n, K] bool
  at::Tensor predicted;  ///< [n, K] bool
  at::Tensor logits;     ///< [n, K] float64; undefined where predictions are labels
};

/// Rows of numbers.
struct NumberRows {
  at::Tensor labels, predicted;  ///< [n, K] float64
};

/// What an evaluation gives is one of these, whichever the options and the shapes say; an Error for a metric `who` that
/// it does not fit.
/// @{
MetricRows kind_of_rows(const EvalPrediction& p, const MetricsOptions& options);
ClassRows class_rows(const std::string& who, const EvalPrediction& p, const MetricsOptions& options);
LabelRows label_rows(const std::string& who, const EvalPrediction& p, const MetricsOptions& options);
NumberRows number_rows(const std::string& who, const EvalPrediction& p);
/// @}

/// Each position with the label of the next.
EvalPrediction shifted(const std::string& who, const EvalPrediction& p);

}  // namespace trainer
