// SPDX-License-Identifier: Apache-2.0
//
// What wandb.watch() logs: a histogram of each parameter and gradient, with one of every so many
// batches (wandb/integration/torch/wandb_torch.py, class TorchHistory).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <trainer/sdk/host.hpp>
#include <vector>

#include "wandb_file.hpp"

struct trainer_ext_parameters;

namespace trainer::wandb {

/// Counts of values in 64 bins of equal width between the smallest and the largest, as torch.histc()
/// of the tensor's own precision counts; one bin when all are equal. `edges` has one more.
struct Histogram {
  std::vector<std::int64_t> counts;
  std::vector<float> edges;
};

/// NaN and infinities are left out; nothing is counted when nothing is left.
template <typename T>
Histogram histogram(std::vector<T> values);

class Watch {
 public:
  /// Nothing is watched when `what` (WANDB_WATCH) is none of all, parameters and gradients, or when
  /// the host has no tensors. `every`: batches from one histogram to the next.
  Watch(const sdk::Host& host, std::string_view what, std::int64_t every);

  /// During an event after a batch's forward or backward pass. What is due is added to the next row.
  void after_forward(Items& row);
  void after_backward(Items& row);

 private:
  void add_all(Items& row, std::uint32_t of, std::string_view prefix);

  sdk::Host host_;
  const trainer_ext_parameters* tensors_;
  bool parameters_, gradients_;
  std::int64_t every_, forwards_ = 0, backwards_ = 0;
};

}  // namespace trainer::wandb
