// SPDX-License-Identifier: Apache-2.0
//
// Optimizers with the formulas and the state of torch: groups of parameters, and an optimizer by its name.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "trainer/number.hpp"

namespace c10 {
struct IValue;
}

namespace trainer {

/// Parameters that share their hyperparameters, as one entry of
/// `torch.optim.Optimizer.param_groups`.
struct ParamGroup {
  std::vector<at::Tensor> params;
  std::vector<std::string> names;  ///< `0.weight`, for messages and viewers
  Number weight_decay = 0.0;
  Number lr = 0.0;          ///< the rate of the next step; a scheduler writes it
  Number initial_lr = 0.0;  ///< the rate before any schedule
  /// Set once a scheduler was attached; only then `initial_lr` is part of the state, as in torch.
  bool has_initial_lr = false;
};

/// What `TrainingArguments` says about the optimizer.
struct OptimizerSettings {
  Number learning_rate = 5e-5;
  Number adam_beta1 = 0.9;
  Number adam_beta2 = 0.999;
  Number adam_epsilon = 1e-8;
  std::string optim_args;  ///< "momentum=0.9,nesterov=true"; read by sgd, rmsprop and adagrad
};

/// One tensor that the optimizer keeps for a parameter.
struct OptimizerState {
  std::string parameter;  ///< `0.weight`
  std::string name;       ///< `exp_avg`, `step` ...
  at::Tensor tensor;      ///< the live tensor, not a copy
};

/// Updates parameters from their gradients with torch's formulas and torch's kernels, so that the
/// weights are those of `torch.optim` to the last bit on the CPU. Not thread-safe.
class Optimizer {
 public:
  virtual ~Optimizer();
  Optimizer(const Optimizer&) = delete;
  Optimizer& operator=(const Optimizer&) = delete;

  /// One update. Parameters without a gradient are left alone, and get no state.
  virtual void step() = 0;

  /// One update, or none where `found_inf`, a float32 scalar on the parameters' device, is not 0; nothing waits for the
  /// device. False, and nothing is done, from an optimizer whose kernel takes no such scalar.
  virtual bool step_unless(const at::Tensor& /*found_inf*/) { return false; }

  /// Drops the gradients (to "none", not to zeros).
  virtual void zero_grad();

  std::vector<ParamGroup>& param_groups() { return groups_; }
  const std::vector<ParamGroup>& param_groups() const { return groups_; }

  /// `learning_rate` as it was given to the constructor; schedules with a floor divide by it.
  const Number& default_lr() const { return default_lr_; }

  /// `{"state": {index: {...}}, "param_groups": [{...}]}`, key for key what `state_dict()` of the
  /// same torch optimizer returns. Indices number the parameters group by group. Tensors are
  /// shared.
  virtual c10::IValue state_dict() const = 0;

  /// The reverse; also takes what torch wrote. As in torch, the hyperparameters of the groups (rates,
  /// weight decay, betas ...) are the saved ones afterwards. `where` names the source in Errors.
  virtual void load_state_dict(const c10::IValue& state, std::string_view where) = 0;

  /// Every state tensor that exists by now, in the order of the parameters.
  virtual std::vector<OptimizerState> named_states() const = 0;

 protected:
  Optimizer(std::vector<ParamGroup> groups, const Number& default_lr);
  /// An Error when a program has added groups or parameters since the constructor, or taken some away.
  void require_same_groups() const;

  std::vector<ParamGroup> groups_;
  Number default_lr_;

 private:
  std::vector<std::size_t> sizes_;  // parameters of each group
};

/// The optimizers that `optim` may name.
const std::vector<std::string>& optimizer_names();

/// `optim` as in TrainingArguments; an unknown one is a usage Error that lists those above. Every
/// group starts at `settings.learning_rate`.
std::unique_ptr<Optimizer> make_optimizer(std::string_view optim, std::vector<ParamGroup> groups,
                                          const OptimizerSettings& settings);

/// "momentum=0.9, nesterov=true" to pairs, with transformers' rules: spaces are dropped, a later
/// key wins.
std::vector<std::pair<std::string, std::string>> parse_optim_args(std::string_view text);

/// A parameter of a model, as parameter_groups() needs it.
struct NamedParameter {
  std::string name;
  at::Tensor tensor;
  bool in_layer_norm = false;  ///< belongs to a LayerNorm module that is not the model itself
};

/// The two groups of `Trainer.create_optimizer`: parameters with weight decay, then those without,
/// each in the order given. Without decay: parameters of LayerNorm modules and names that contain
/// "bias", "layernorm", "rmsnorm", a part "norm" or a part that ends in "_norm". Parameters that do
/// not require a gradient are in neither. A group may be empty.
std::vector<ParamGroup> parameter_groups(const std::vector<NamedParameter>& parameters, const Number& weight_decay);

/// `torch.nn.utils.clip_grad_norm_` with norm 2: scales the gradients in place by
/// min(1, max_norm / (norm + 1e-6)) and returns the norm before, a scalar on their device.
/// `max_norm` 0 does not clip, but as in transformers an infinite norm then makes the gradients
/// NaN. All gradients are on one device.
at::Tensor clip_grad_norm(at::TensorList grads, double max_norm);

}  // namespace trainer
