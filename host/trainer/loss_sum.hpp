// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <cmath>

namespace trainer {

/// The running sum of micro-batch losses, in float32 as transformers keeps it. On a CPU it is a
/// plain float; elsewhere it stays on the device, and only value() waits for it.
class LossSum {
 public:
  explicit LossSum(at::Device device) : on_cpu_(device.is_cpu()) {
    if (!on_cpu_) tensor_ = at::zeros({}, at::TensorOptions(device).dtype(at::kFloat));
  }

  /// `steps` is the number of optimizer steps since the last log. With `filter`, a loss that is not
  /// finite adds the mean so far instead.
  void add(const at::Tensor& loss, bool filter, std::int64_t steps) {
    if (on_cpu_) {
      const float v = loss.item<float>();
      value_ += filter && !std::isfinite(v) ? value_ / static_cast<float>(1 + steps) : v;
    } else if (filter) {
      tensor_ += at::where(at::isfinite(loss), loss.to(at::kFloat), tensor_ / (1 + steps));
    } else {
      tensor_ += loss;
    }
  }

  double value() const { return on_cpu_ ? value_ : tensor_.item<float>(); }

  /// Subtracts the sum from itself, as transformers does: NaN and infinity stay NaN.
  void clear() {
    if (on_cpu_)
      value_ -= value_;
    else
      tensor_ -= tensor_.clone();
  }

 private:
  bool on_cpu_;
  float value_ = 0;
  at::Tensor tensor_;
};

}  // namespace trainer
