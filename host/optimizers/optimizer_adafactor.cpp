// SPDX-License-Identifier: Apache-2.0
//
// Adafactor, arXiv:1804.04235, as transformers' Trainer sets it up: a given learning rate, no
// parameter scaling, no first moment. optim "adafactor".
#include <cmath>

#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

enum State { step_count, row, col, full, rms };

at::Tensor root_mean_square(const at::Tensor& tensor) {
  return tensor.norm(2) / std::pow(static_cast<double>(tensor.numel()), 0.5);
}

bool is_half(const at::Tensor& tensor) {
  return tensor.scalar_type() == at::kHalf || tensor.scalar_type() == at::kBFloat16;
}

class Adafactor final : public TorchOptimizer {
 public:
  Adafactor(std::vector<ParamGroup> groups, const OptimizerSettings& settings)
      : TorchOptimizer(std::move(groups), settings,
                       {{"eps", c10::ivalue::Tuple::create(1e-30, 1e-3)},
                        {"clip_threshold", 1.0},
                        {"decay_rate", -0.8},
                        {"beta1", c10::IValue()},
                        {"scale_parameter", false},
                        {"relative_step", false},
                        {"warmup_init", false}},
                       {"step", "exp_avg_sq_row", "exp_avg_sq_col", "exp_avg_sq", "RMS"}) {
    options_changed("args");
  }

 private:
  struct Values {
    double eps, clip_threshold, decay_rate;
  };

  void options_changed(std::string_view where) override {
    values_.resize(param_groups().size());
    for (std::size_t g = 0; g < values_.size(); ++g) {
      require_off(g, {"beta1", "scale_parameter", "relative_step", "warmup_init"}, where);
      const auto eps = find_option(g, "eps");
      if (!eps || !eps->isTuple() || eps->toTupleRef().elements().empty()) {
        throw_run(error_id::arguments_invalid,
                  std::string(where) + ": group " + std::to_string(g) +
                      " has no pair 'eps'; the file belongs to another optimizer, so give 'optim' "
                      "that wrote it or resume without optimizer.pt");
      }
      values_[g] = {python::number(eps->toTupleRef().elements()[0], where), option(g, "clip_threshold", where),
                    option(g, "decay_rate", where)};
    }
  }

  // The counter is a Python int; averages are float32 even for half-precision parameters.
  at::TensorOptions state_placement(std::size_t, const at::Tensor& param, const std::string& name) const override {
    if (name == "step") return at::TensorOptions(at::kLong);
    return is_half(param) ? param.options().dtype(at::kFloat) : param.options();
  }

  // For [..., n, m] the averages over m ([..., n]) and over n ([..., m]) stand for the whole.
  void init_state(std::size_t group, TensorLists& lists, std::size_t i) override {
    const at::Tensor& param = lists.params[i];
    const at::TensorOptions like = state_placement(group, param, "exp_avg_sq");
    auto& states = lists.states;
    states[step_count][i] = at::zeros({}, state_placement(group, param, "step"));
    if (param.dim() >= 2) {
      std::vector<std::int64_t> sizes = param.sizes().vec();
      const std::int64_t last = sizes.back();
      sizes.pop_back();
      states[row][i] = at::zeros(sizes, like);
      sizes.back() = last;
      states[col][i] = at::zeros(sizes, like);
    } else {
      states[full][i] = at::zeros(param.sizes(), like);
    }
    states[rms][i] = at::zeros({}, like);
  }

  void update(std::size_t group, TensorLists& lists) override {
    for (std::size_t i = 0; i < lists.params.size(); ++i) update_one(group, lists, i);
  }

  void update_one(std::size_t g, TensorLists& lists, std::size_t i) {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    auto& states = lists.states;
    const at::Tensor grad = is_half(lists.grads[i]) ? lists.grads[i].to(at::kFloat) : lists.grads[i];
    const at::Tensor param = is_half(lists.params[i]) ? lists.params[i].to(at::kFloat) : lists.params[i];
    const std::int64_t t = ++*states[step_count][i].mutable_data_ptr<std::int64_t>();
    states[rms][i] = root_mean_square(param);

    const double beta2 = 1.0 - std::pow(static_cast<double>(t), v.decay_rate);
    at::Tensor update = grad.pow(2) + v.eps;
    if (grad.dim() >= 2) {
      states[row][i].mul_(beta2).add_(update.mean(-1), 1.0 - beta2);
      states[col][i].mul_(beta2).add_(update.mean(-2), 1.0 - beta2);
      const at::Tensor row_factor = (states[row][i] / states[row][i].mean(-1, /*keepdim=*/true)).rsqrt_().unsqueeze(-1);
      update = at::mul(row_factor, states[col][i].unsqueeze(-2).rsqrt());
      update.mul_(grad);
    } else {
      states[full][i].mul_(beta2).add_(update, 1.0 - beta2);
      update = states[full][i].rsqrt().mul_(grad);
    }
    update.div_((root_mean_square(update) / v.clip_threshold).clamp_(1.0));
    update.mul_(double{group.lr});
    if (group.weight_decay != 0) param.add_(param, -group.weight_decay * group.lr);
    param.add_(-update);
    if (is_half(lists.params[i])) lists.params[i].copy_(param);
  }

  std::vector<Values> values_;
};

}  // namespace

std::unique_ptr<Optimizer> make_adafactor(std::vector<ParamGroup> groups, const OptimizerSettings& settings) {
  return std::make_unique<Adafactor>(std::move(groups), settings);
}

}  // namespace trainer
