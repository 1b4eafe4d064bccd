// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/ATen.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

namespace trainer {

/// The running sum of micro-batch losses, in float32 as transformers keeps it. On a CPU it is a
/// plain float; elsewhere it stays on the device, and only value() waits for it.
class LossSum {
 public:
  explicit LossSum(at::Device device) : on_cpu_(device.is_cpu()) {
    if (on_cpu_) return;
    tensor_ = at::zeros({}, at::TensorOptions(device).dtype(at::kFloat));
    all_finite_ = at::ones({}, at::TensorOptions(device).dtype(at::kBool));
    finite_steps_ = at::zeros({}, at::TensorOptions(device).dtype(at::kLong));
  }

  /// `steps` is the number of optimizer steps since the last log, `step` that of this loss. With `filter`, a loss that
  /// is not finite adds the mean so far instead.
  void add(const at::Tensor& loss, bool filter, std::int64_t steps, std::int64_t step) {
    if (on_cpu_) {
      const float v = loss.item<float>();
      const bool finite = std::isfinite(v);
      if (!finite) bad_step_ = std::min(bad_step_, step);
      value_ += filter && !finite ? value_ / static_cast<float>(1 + steps) : v;
      return;
    }
    const auto finite = (loss - loss).eq(0);  // two kernels; at::isfinite is four
    if (first_step_ == none) first_step_ = step;
    if (std::exchange(last_step_, step) != step) finite_steps_.add_(all_finite_);  // this one, if those before it were
    all_finite_.bitwise_and_(finite);
    if (filter)
      tensor_ += at::where(finite, loss.to(at::kFloat), tensor_ / (1 + steps));
    else
      tensor_ += loss;
  }

  /// The first step with a loss that is NaN or infinite, if there was one. Without `wait` only a CPU knows.
  std::optional<std::int64_t> bad_step(bool wait) const {
    if (on_cpu_) return bad_step_ == none ? std::nullopt : std::optional(bad_step_);
    if (!wait || all_finite_.item<bool>()) return std::nullopt;
    return first_step_ + finite_steps_.item<std::int64_t>() - 1;
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
  static constexpr std::int64_t none = std::numeric_limits<std::int64_t>::max();

  bool on_cpu_;
  float value_ = 0;
  at::Tensor tensor_;
  std::int64_t bad_step_ = none;
  // Elsewhere: whether all losses were finite, and the number of steps that began while they were.
  at::Tensor all_finite_, finite_steps_;
  std::int64_t first_step_ = none, last_step_ = none;
};

}  // namespace trainer
