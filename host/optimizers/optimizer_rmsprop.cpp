// SPDX-License-Identifier: Apache-2.0
//
// RMSprop as torch.optim.RMSprop has it (epsilon outside the root): optim "rmsprop".
#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

enum State { step_count, square_avg, momentum_buffer, grad_avg };

class RmsProp final : public TorchOptimizer {
 public:
  RmsProp(std::vector<ParamGroup> groups, const OptimizerSettings& settings, const OptimArgs& args)
      : TorchOptimizer(std::move(groups), settings,
                       {{"momentum", args.value("momentum", 0)},
                        {"alpha", args.value("alpha", 0.99)},
                        {"eps", args.value("eps", 1e-8)},
                        {"centered", args.truth("centered")},
                        {"capturable", false},
                        {"foreach", c10::IValue()},
                        {"maximize", false},
                        {"differentiable", false}},
                       {"step", "square_avg", "momentum_buffer", "grad_avg"}) {
    args.require_not_negative({"momentum", "alpha", "eps", "weight_decay"});
    options_changed("args");
  }

 private:
  struct Values {
    double momentum, alpha, eps;
    bool centered;
  };

  void options_changed(std::string_view where) override {
    values_.resize(param_groups().size());
    for (std::size_t g = 0; g < values_.size(); ++g) {
      require_off(g, {"capturable", "maximize", "differentiable"}, where);
      values_[g] = {option(g, "momentum", where), option(g, "alpha", where), option(g, "eps", where),
                    flag(g, "centered", where)};
    }
  }

  void init_state(std::size_t group, TensorLists& lists, std::size_t i) override {
    const at::Tensor& param = lists.params[i];
    lists.states[step_count][i] = at::zeros({}, state_placement(group, param, "step"));
    lists.states[square_avg][i] = at::zeros_like(param);
    if (values_[group].momentum > 0) lists.states[momentum_buffer][i] = at::zeros_like(param);
    if (values_[group].centered) lists.states[grad_avg][i] = at::zeros_like(param);
  }

  void update(std::size_t g, TensorLists& lists) override {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    auto& states = lists.states;
    advance(states[step_count]);
    std::vector<at::Tensor> decayed;
    if (group.weight_decay != 0) {
      decayed = at::_foreach_add(lists.grads, lists.params, double{group.weight_decay});
    }
    const std::vector<at::Tensor>& grads = decayed.empty() ? lists.grads : decayed;
    at::_foreach_mul_(states[square_avg], v.alpha);
    at::_foreach_addcmul_(states[square_avg], grads, grads, 1 - v.alpha);
    std::vector<at::Tensor> roots;
    if (v.centered) {
      at::_foreach_lerp_(states[grad_avg], grads, 1 - v.alpha);
      roots = at::_foreach_addcmul(states[square_avg], states[grad_avg], states[grad_avg], -1);
      at::_foreach_sqrt_(roots);
    } else {
      roots = at::_foreach_sqrt(states[square_avg]);
    }
    at::_foreach_add_(roots, v.eps);
    if (v.momentum > 0) {
      at::_foreach_mul_(states[momentum_buffer], v.momentum);
      at::_foreach_addcdiv_(states[momentum_buffer], grads, roots, 1);
      at::_foreach_add_(lists.params, states[momentum_buffer], -group.lr);
    } else {
      at::_foreach_addcdiv_(lists.params, grads, roots, -group.lr);
    }
  }

  std::vector<Values> values_;
};

}  // namespace

std::unique_ptr<Optimizer> make_rmsprop(std::vector<ParamGroup> groups, const OptimizerSettings& settings) {
  return std::make_unique<RmsProp>(std::move(groups), settings, OptimArgs(settings.optim_args));
}

}  // namespace trainer
