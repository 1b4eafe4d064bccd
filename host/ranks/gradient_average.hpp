// SPDX-License-Identifier: Apache-2.0
//
// Averages gradients over the ranks while the backward pass goes on: c10d::Reducer, as DistributedDataParallel has it.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "ranks/process_group.hpp"

namespace trainer {

class GradientAverage {
 public:
  struct Settings {
    bool find_unused_parameters = true;  ///< looks in each graph for parameters that this rank does not use
    std::int64_t bucket_cap_mb = 25;     ///< with 25 the first bucket has 1
  };
  /// `parameters`: those of the model, in order; the ones that need no gradient are left alone.
  GradientAverage(std::shared_ptr<ProcessGroup> group, const std::vector<at::Tensor>& parameters,
                  const Settings& settings);
  ~GradientAverage();

  /// Around a micro-batch after which gradients are to be averaged: before its forward pass, and before the backward
  /// pass of `loss`. After that each gradient is the mean over the ranks, and lies in a buffer of this that the next
  /// pass uses again. In other micro-batches nothing is sent.
  /// @{
  void before_forward();
  void before_backward(const at::Tensor& loss);
  /// @}

  /// Calls `f`, the backward pass of a micro-batch: what the engine throws in it leaves as an Error of the group.
  template <typename F>
  void during_backward(F&& f) {
    try {
      f();
    } catch (...) {
      rethrow();
    }
  }

 private:
  [[noreturn]] void rethrow() const;
  struct Parts;
  std::shared_ptr<ProcessGroup> group_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace trainer
