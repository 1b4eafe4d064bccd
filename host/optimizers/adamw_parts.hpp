// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <cstddef>

namespace trainer {

/// What an update of AdamW that is computed elsewhere needs of the optimizer in whose place it is made; the rates and
/// decays are in its groups.
class AdamWParts {
 public:
  struct Coefficients {
    double beta1, beta2, eps;
  };
  /// The places of the live tensors, of which an undefined one is made anew by the next state_of().
  struct State {
    at::Tensor *step, *exp_avg, *exp_avg_sq;
  };
  virtual ~AdamWParts() = default;
  virtual Coefficients coefficients(std::size_t group) const = 0;
  /// Of a parameter by its place in its group; made when it has none yet.
  virtual State state_of(std::size_t group, std::size_t parameter) = 0;
};

}  // namespace trainer
