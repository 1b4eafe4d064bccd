// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/json.hpp"

namespace trainer {

/// What the batches of an evaluation give, gathered.
class EvaluationResult {
 public:
  /// A batch of `rows` rows; tensors that are not defined are left out.
  void add(std::int64_t rows, at::Tensor loss, at::Tensor logits, at::Tensor labels);
  /// Moves the logits and labels to the CPU, which frees the device's memory.
  void move_to_cpu();

  std::size_t losses() const { return losses_.size(); }  ///< batches that had a loss
  std::size_t losses_not_finite() const;                 ///< those of them whose loss was NaN or infinite
  at::Tensor predictions() const;                        ///< [N, ...] on the CPU; undefined when there are none
  at::Tensor label_ids() const;                          ///< the same

  /// The metrics in transformers' order: of `own`, what compute_metrics gave, those whose names have
  /// the prefix; then the mean loss (`filter`: of the finite ones, if there is any); the seconds that
  /// the model's preparation took, if they are given; and the others of `own`, with the prefix.
  json::object metrics(const std::string& prefix, const json::object& own, bool filter,
                       std::optional<double> preparation_seconds) const;

 private:
  std::vector<float> losses_on_cpu() const;
  double mean_loss(bool filter) const;

  std::vector<at::Tensor> losses_, logits_, labels_;
  std::vector<std::int64_t> rows_;  // of the batch of each loss
};

}  // namespace trainer
