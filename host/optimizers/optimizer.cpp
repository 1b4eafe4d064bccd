// SPDX-License-Identifier: Apache-2.0
//
// What all optimizers share, and the names that optim may have.
#include "trainer/optimizer.hpp"

namespace trainer {

Optimizer::Optimizer(std::vector<ParamGroup> groups, const Number& default_lr)
    : groups_(std::move(groups)), default_lr_(default_lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    ParamGroup& group = groups_[g];
    group.lr = group.initial_lr = default_lr;
    for (std::size_t i = group.names.size(); i < group.params.size(); ++i) {
      group.names.push_back("group " + std::to_string(g) + " parameter " + std::to_string(i));
    }
  }
}

Optimizer::~Optimizer() = default;

void Optimizer::zero_grad() {
  for (ParamGroup& group : groups_)
    for (at::Tensor& parameter : group.params)
      if (parameter.grad().defined()) parameter.mutable_grad().reset();
}

const std::vector<std::string>& optimizer_names() {
  static const std::vector<std::string> names{"adamw_torch_fused", "adamw_torch", "sgd",
                                              "rmsprop",           "adagrad",     "adafactor"};
  return names;
}

}  // namespace trainer
