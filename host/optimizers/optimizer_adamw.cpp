// SPDX-License-Identifier: Apache-2.0
//
// AdamW, arXiv:1711.05101: optim "adamw_torch_fused" and "adamw_torch".
#include <algorithm>
#include <cmath>

#include "optimizers/adamw_parts.hpp"
#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

enum StateIndex { step_count, exp_avg, exp_avg_sq };

class AdamW final : public TorchOptimizer, public AdamWParts {
 public:
  AdamW(std::vector<ParamGroup> groups, const OptimizerSettings& settings, bool fused)
      : TorchOptimizer(std::move(groups), settings,
                       {{"betas", c10::ivalue::Tuple::create(python::make_number(settings.adam_beta1),
                                                             python::make_number(settings.adam_beta2))},
                        {"eps", python::make_number(settings.adam_epsilon)},
                        {"amsgrad", false},
                        {"maximize", false},
                        {"foreach", c10::IValue()},
                        {"capturable", false},
                        {"differentiable", false},
                        {"fused", fused ? c10::IValue(true) : c10::IValue()},
                        {"decoupled_weight_decay", true}},
                       {"step", "exp_avg", "exp_avg_sq"}) {
    require_not_negative(settings.adam_epsilon, "adam_epsilon", "args");
    for (double beta : {settings.adam_beta1, settings.adam_beta2}) {
      if (beta >= 0 && beta < 1) continue;
      throw_usage(error_id::arguments_invalid, "args: found adam_beta1 or adam_beta2 " + json::repr(beta) +
                                                   ", expected a number from 0 to below 1, such as 0.9 and 0.999");
    }
    options_changed("args");
  }

  Coefficients coefficients(std::size_t group) const override {
    return {values_[group].beta1, values_[group].beta2, values_[group].eps};
  }
  State state_of(std::size_t group, std::size_t parameter) override {
    const auto states = states_of(group, parameter);
    return {states[step_count], states[exp_avg], states[exp_avg_sq]};
  }

 private:
  struct Values {
    double beta1, beta2, eps;
    bool fused;
  };

  void options_changed(std::string_view where) override {
    values_.resize(param_groups().size());
    for (std::size_t g = 0; g < values_.size(); ++g) {
      require_off(g, {"amsgrad", "maximize", "capturable", "differentiable"}, where);
      const auto betas = find_option(g, "betas");
      if (!betas || !betas->isTuple() || betas->toTupleRef().elements().size() != 2) {
        throw_run(error_id::arguments_invalid,
                  std::string(where) + ": group " + std::to_string(g) +
                      " has no pair 'betas'; the file belongs to another optimizer, so give 'optim' "
                      "that wrote it or resume without optimizer.pt");
      }
      const auto& pair = betas->toTupleRef().elements();
      values_[g] = {python::number(pair[0], where), python::number(pair[1], where), option(g, "eps", where),
                    flag(g, "fused", where)};
    }
  }

  bool takes_found_inf() const override {
    return std::all_of(values_.begin(), values_.end(), [](const Values& v) { return v.fused; });
  }

  at::TensorOptions state_placement(std::size_t group, const at::Tensor& param,
                                    const std::string& name) const override {
    // The fused kernel reads the counter where it runs.
    if (name == "step" && values_[group].fused) return param.options().dtype(at::kFloat);
    return TorchOptimizer::state_placement(group, param, name);
  }

  void init_state(std::size_t group, TensorLists& lists, std::size_t i) override {
    const at::Tensor& param = lists.params[i];
    lists.states[step_count][i] = at::zeros({}, state_placement(group, param, "step"));
    lists.states[exp_avg][i] = at::zeros_like(param);
    lists.states[exp_avg_sq][i] = at::zeros_like(param);
  }

  void update(std::size_t group, TensorLists& lists) override {
    advance(lists.states[step_count]);
    if (values_[group].fused) {
      update_fused(group, lists);
    } else {
      update_plain(group, lists);
    }
  }

  void update_fused(std::size_t g, TensorLists& lists) {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    at::_fused_adamw_(lists.params, lists.grads, lists.states[exp_avg], lists.states[exp_avg_sq], {},
                      lists.states[step_count], group.lr, v.beta1, v.beta2, group.weight_decay, v.eps,
                      /*amsgrad=*/false, /*maximize=*/false, {},
                      found_inf().defined() ? std::optional(found_inf()) : std::nullopt);
    // The kernel left out the update; its counter was advanced.
    if (found_inf().defined())
      at::_foreach_sub_(lists.states[step_count], std::vector<at::Tensor>(lists.params.size(), found_inf()));
  }

  // On the CPU the multi-tensor calls are loops of the single operations that torch does there.
  void update_plain(std::size_t g, TensorLists& lists) {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    step_sizes_.clear();
    corrections_.clear();
    for (const at::Tensor& counter : lists.states[step_count]) {
      const double t = *counter.const_data_ptr<float>();
      step_sizes_.emplace_back(-(group.lr / (1 - std::pow(v.beta1, t))));
      corrections_.emplace_back(std::pow(1 - std::pow(v.beta2, t), 0.5));
    }
    if (group.weight_decay != 0) {
      at::_foreach_mul_(lists.params, 1 - group.lr * group.weight_decay);
    }
    at::_foreach_lerp_(lists.states[exp_avg], lists.grads, 1 - v.beta1);
    at::_foreach_mul_(lists.states[exp_avg_sq], v.beta2);
    at::_foreach_addcmul_(lists.states[exp_avg_sq], lists.grads, lists.grads, 1 - v.beta2);
    const std::vector<at::Tensor> denominators = at::_foreach_sqrt(lists.states[exp_avg_sq]);
    at::_foreach_div_(denominators, corrections_);
    at::_foreach_add_(denominators, v.eps);
    at::_foreach_addcdiv_(lists.params, lists.states[exp_avg], denominators, step_sizes_);
  }

  std::vector<Values> values_;
  std::vector<at::Scalar> step_sizes_, corrections_;  // scratch of update_plain
};

}  // namespace

std::unique_ptr<Optimizer> make_adamw(std::vector<ParamGroup> groups, const OptimizerSettings& settings, bool fused) {
  return std::make_unique<AdamW>(std::move(groups), settings, fused);
}

}  // namespace trainer
