// SPDX-License-Identifier: Apache-2.0
//
// Adagrad as torch.optim.Adagrad has it: optim "adagrad".
#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

enum State { step_count, sum };

class Adagrad final : public TorchOptimizer {
 public:
  Adagrad(std::vector<ParamGroup> groups, const OptimizerSettings& settings, const OptimArgs& args)
      : TorchOptimizer(std::move(groups), settings,
                       {{"lr_decay", args.value("lr_decay", 0)},
                        {"eps", args.value("eps", 1e-10)},
                        {"initial_accumulator_value", 0},
                        {"foreach", c10::IValue()},
                        {"maximize", false},
                        {"differentiable", false},
                        {"fused", c10::IValue()}},
                       {"step", "sum"}) {
    args.require_not_negative({"lr_decay", "eps", "weight_decay"});
    options_changed("args");
    init_all_states();  // torch makes these with the optimizer, not at the first step
  }

 private:
  struct Values {
    double lr_decay, eps, initial;
  };

  void options_changed(std::string_view where) override {
    values_.resize(param_groups().size());
    for (std::size_t g = 0; g < values_.size(); ++g) {
      require_off(g, {"maximize", "differentiable", "fused"}, where);
      values_[g] = {option(g, "lr_decay", where), option(g, "eps", where),
                    option(g, "initial_accumulator_value", where)};
    }
  }

  void init_state(std::size_t group, TensorLists& lists, std::size_t i) override {
    const at::Tensor& param = lists.params[i];
    lists.states[step_count][i] = at::zeros({}, state_placement(group, param, "step"));
    lists.states[sum][i] = at::full_like(param, values_[group].initial);
  }

  void update(std::size_t g, TensorLists& lists) override {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    advance(lists.states[step_count]);
    rates_.clear();
    for (const at::Tensor& counter : lists.states[step_count]) {
      const double t = *counter.const_data_ptr<float>();
      rates_.emplace_back(-(group.lr / (1 + (t - 1) * v.lr_decay)));
    }
    std::vector<at::Tensor> decayed;
    if (group.weight_decay != 0) {
      decayed = at::_foreach_add(lists.grads, lists.params, double{group.weight_decay});
    }
    const std::vector<at::Tensor>& grads = decayed.empty() ? lists.grads : decayed;
    at::_foreach_addcmul_(lists.states[sum], grads, grads, 1);
    const std::vector<at::Tensor> roots = at::_foreach_sqrt(lists.states[sum]);
    at::_foreach_add_(roots, v.eps);
    at::_foreach_addcdiv_(lists.params, grads, roots, rates_);
  }

  std::vector<Values> values_;
  std::vector<at::Scalar> rates_;  // scratch
};

}  // namespace

std::unique_ptr<Optimizer> make_adagrad(std::vector<ParamGroup> groups, const OptimizerSettings& settings) {
  return std::make_unique<Adagrad>(std::move(groups), settings, OptimArgs(settings.optim_args));
}

}  // namespace trainer
