// SPDX-License-Identifier: Apache-2.0
#include "model/label_smoothing.hpp"

#include <ATen/ATen.h>

#include "data/failure.hpp"
#include "model/class_labels.hpp"

namespace trainer {

at::Tensor smoothed_loss(const at::Tensor& logits, const at::Tensor& given_labels, double epsilon,
                         const at::Tensor& num_items) {
  constexpr std::int64_t ignored_label = -100;
  const auto log_probs = -at::log_softmax(logits, -1);
  const auto labels = given_labels.dim() == log_probs.dim() - 1 ? given_labels.unsqueeze(-1) : given_labels;
  // Of other shapes gather() would take some of the numbers.
  auto expected = log_probs.sizes().vec();
  if (!expected.empty()) expected.back() = 1;
  if (labels.sizes() != expected)
    throw_usage(error_id::data_invalid, "label smoothing: the logits are " + tensor_text(logits) + ", but the labels " +
                                            tensor_text(given_labels) +
                                            "; give logits with the classes last and a label for each of the others");
  const auto padding = labels.eq(ignored_label);
  auto nll = with_class_labels("label smoothing", labels, log_probs.size(-1), ignored_label,
                               [&] { return log_probs.gather(-1, labels.clamp_min(0)).masked_fill(padding, 0.0); });
  auto smooth = log_probs.sum(-1, /*keepdim=*/true, at::kFloat).masked_fill(padding, 0.0);
  const auto active = num_items.defined() ? num_items : padding.numel() - padding.to(at::kLong).sum();
  return (1 - epsilon) * (nll.sum() / active) + epsilon * (smooth.sum() / (active * log_probs.size(-1)));
}

}  // namespace trainer
