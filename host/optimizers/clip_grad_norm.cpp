// SPDX-License-Identifier: Apache-2.0
//
// Clips gradients as torch.nn.utils.clip_grad_norm_ does, to the last bit.
#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>

#include <limits>

#include "trainer/optimizer.hpp"

namespace trainer {

at::Tensor clip_grad_norm(at::TensorList grads, double max_norm) {
  const at::NoGradGuard no_grad;
  if (grads.empty()) return at::zeros({});
  const at::Tensor total = at::linalg_vector_norm(at::stack(at::_foreach_norm(grads, 2.0)), 2.0);
  const double bound = max_norm > 0 ? max_norm : std::numeric_limits<double>::infinity();
  // Python's max_norm / (total + 1e-6) is a reciprocal and a product, which a division can differ
  // from in the last bit.
  if (total.is_cpu() && total.scalar_type() == at::kFloat) {
    const float sum = *total.const_data_ptr<float>() + 1e-6f;
    const float coefficient = (1.0f / sum) * static_cast<float>(bound);
    if (coefficient >= 1.0f) return total;  // times 1 changes nothing
    at::_foreach_mul_(grads, coefficient);
    return total;
  }
  const at::Tensor coefficient = at::clamp_max((total + 1e-6).reciprocal() * bound, 1.0);
  at::_foreach_mul_(grads, coefficient);
  return total;
}

}  // namespace trainer
