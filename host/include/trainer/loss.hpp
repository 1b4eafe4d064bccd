// SPDX-License-Identifier: Apache-2.0
//
// Losses as torch.nn.functional has them, means over what counts.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace trainer {

/// Loss of logits and labels, a scalar.
using LossFunction = std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& labels)>;

struct LossOptions {
  // Of cross_entropy.
  std::vector<double> weight = {};   ///< a factor for each class; empty: all count alike
  std::int64_t ignore_index = -100;  ///< the label that does not count
  double label_smoothing = 0;        ///< from 0 to 1
  // Of binary_cross_entropy_with_logits.
  std::vector<double> pos_weight = {};  ///< a factor for the label 1 of each output, or one for all; empty: 1
  double delta = 1;                     ///< huber: where the square becomes a line
  double beta = 1;                      ///< smooth_l1: the same
};

/// A loss by its name in loss_names(). An Error when there is none, or an option that no loss can have. What a loss is
/// given and cannot take, such as labels of another shape, is an Error (data.invalid) that says both.
///
/// cross_entropy takes logits [N, C] with labels [N], [N, T, C] with [N, T] and [N, C, H, W] with [N, H, W]: whole
/// numbers, or, in the logits' shape, probabilities of all classes. The others compare each output with its own number,
/// which is the shape that labels have; [N] and [N, 1] are one.
LossFunction make_loss(const std::string& name, const LossOptions& options = {});
/// cross_entropy, binary_cross_entropy_with_logits, mse, l1, huber, smooth_l1.
const std::vector<std::string>& loss_names();

/// Those of make_loss() without options.
at::Tensor cross_entropy(const at::Tensor& logits, const at::Tensor& labels);
at::Tensor mse_loss(const at::Tensor& logits, const at::Tensor& labels);

/// Which dimension of logits are the classes: 1 of [N, C, H, W], else the last.
std::int64_t class_dimension(const at::Tensor& logits);
/// Whether labels have the logits' shape without that dimension.
bool class_labels_fit(const at::Tensor& logits, const at::Tensor& labels);

}  // namespace trainer
