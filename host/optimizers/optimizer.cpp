// SPDX-License-Identifier: Apache-2.0
//
// What all optimizers share, and the names that optim may have.
#include "trainer/optimizer.hpp"

#include <algorithm>

#include "trainer/error.hpp"

namespace trainer {

Optimizer::Optimizer(std::vector<ParamGroup> groups, const Number& default_lr)
    : groups_(std::move(groups)), default_lr_(default_lr) {
  for (std::size_t g = 0; g < groups_.size(); ++g) {
    ParamGroup& group = groups_[g];
    group.lr = group.initial_lr = default_lr;
    for (std::size_t i = group.names.size(); i < group.params.size(); ++i) {
      group.names.push_back("group " + std::to_string(g) + " parameter " + std::to_string(i));
    }
    sizes_.push_back(group.params.size());
  }
}

void Optimizer::require_same_groups() const {
  const auto size = [](const ParamGroup& group, std::size_t before) { return group.params.size() == before; };
  if (std::equal(groups_.begin(), groups_.end(), sizes_.begin(), sizes_.end(), size)) return;
  throw_usage(
      error_id::arguments_invalid,
      "the optimizer's groups have other parameters than when it was made; give it all of them from the beginning, "
      "and turn requires_grad off for those that are to learn later");
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
