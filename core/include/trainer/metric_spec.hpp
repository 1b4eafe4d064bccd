// SPDX-License-Identifier: Apache-2.0
//
// A metric by name: an entry of a run file's "metrics", and what make_metrics() of <trainer/metrics.hpp> takes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "trainer/error.hpp"

namespace trainer {

struct MetricSpec {
  std::string name;  ///< one of metric_names()
  /// precision, recall, f1: "binary" unless given, "micro", "macro" or "weighted"; roc_auc: the last three, "macro"
  /// unless given.
  std::string average = {};
  std::int64_t k = 0;  ///< top_k_accuracy: how many of the highest classes count, 2 unless given
  /// Of metrics of classes: the logits of a position are of the token that follows, as those of a causal language
  /// model.
  bool shift = false;
  std::string as = {};  ///< the name in logs, where it is to be another than log_name() makes of the rest

  /// `as`; else the name, and behind it average and k where they are given: "f1_macro", "top_k_accuracy_5".
  std::string log_name() const;
};

/// What a row has: a class (also where one output says which of two it is), several labels, each set or not, or
/// numbers.
enum class MetricRows { classes, labels, numbers };
bool takes_rows(const MetricSpec& metric, MetricRows rows);
/// Whether a smaller value is better, as an error's.
bool lower_is_better(const MetricSpec& metric);
/// Whether it is precision, recall or f1 of class 1 of two.
bool averages_binary(const MetricSpec& metric);

/// More classes make no table of confusion_matrix.
inline constexpr std::int64_t most_confusion_classes = 256;

const std::vector<std::string>& metric_names();

/// An Error `id` that begins with `where`, for a metric or an option that does not exist, and for two metrics of one
/// name in the logs.
void check_metrics(const std::vector<MetricSpec>& metrics, ErrorId id, const std::string& where);

}  // namespace trainer
