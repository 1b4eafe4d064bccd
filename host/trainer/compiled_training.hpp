// SPDX-License-Identifier: Apache-2.0
//
// A model's compiled step at work on the parameters and the optimizer of a training.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "exported/compiled_step.hpp"
#include "optimizers/adamw_parts.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

class CompiledTraining {
 public:
  /// Loads the step's code. `step` and `optimizer` outlive this. With Call::update the optimizer is an AdamW that has
  /// each of the step's parameters, and they and its states are written in place; an Error compiled-step.unsupported
  /// says what is not so. With Call::gradients nothing is asked of it.
  CompiledTraining(exported::CompiledStep& step, exported::CompiledStep::Call call, Optimizer& optimizer);

  /// One call makes loss, gradients, clipping and update.
  bool updates() const { return parts_ != nullptr; }
  /// Whether the step was made for this batch; of the first one that it was not, a line of the log.
  bool takes(const Batch& inputs);
  /// A line of the log, where batches were interpreted: how many of those that takes() saw.
  void tell_of_interpreted() const;

  struct Update {
    at::Tensor loss, grad_norm;
  };
  /// One step with the rates and decays that the optimizer's groups have now; its counters go on, too.
  Update update(const Batch& inputs, double max_grad_norm);
  /// The loss times `scale`, and its gradients added to those that the parameters have.
  at::Tensor gradients(const Batch& inputs, double scale);

 private:
  struct Place {
    std::size_t group, index;  // in the optimizer
    AdamWParts::State state;
  };
  void require_same_trained() const;
  void find_places();
  void lend_states();
  void write_numbers(double max_grad_norm);

  exported::CompiledStep& step_;
  Optimizer& optimizer_;
  AdamWParts* parts_ = nullptr;
  std::vector<Place> places_;  // of the step's parameters
  at::Tensor numbers_, scale_;
  std::int64_t batches_ = 0, interpreted_ = 0;
};

}  // namespace trainer
