// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace trainer {

/// LabelSmoother of transformers' trainer_pt_utils.py: the mean over the labels that count of
/// (1 - epsilon) * negative log likelihood + epsilon * mean over all classes. With `num_items`, a scalar, the sum over
/// them divided by it.
at::Tensor smoothed_loss(const at::Tensor& logits, const at::Tensor& labels, double epsilon,
                         const at::Tensor& num_items = {});

}  // namespace trainer
