// SPDX-License-Identifier: Apache-2.0
#include "exported/operator_check.hpp"

#include <ATen/ATen.h>

#include <stdexcept>

#include "data/failure.hpp"

namespace trainer::exported {
namespace {

// torch.nn.functional.batch_norm: the variance of one value has no unbiased estimate, and would become NaN.
void require_values_per_channel(const torch::jit::Stack& arguments) {
  constexpr std::size_t input = 0, training = 5;
  if (!arguments[training].toBool()) return;
  const at::Tensor& values = arguments[input].toTensor();
  if (values.dim() < 2 || values.numel() != values.size(1)) return;
  throw std::runtime_error("Expected more than 1 value per channel when training, got input size " +
                           shape_text(values.sizes()) +
                           "; leave a last batch of one row out with dataloader_drop_last, or take another " +
                           "per_device_train_batch_size");
}

}  // namespace

OperatorCheck operator_check(const c10::FunctionSchema& schema) {
  return schema.name() == "aten::batch_norm" ? require_values_per_channel : nullptr;
}

}  // namespace trainer::exported
