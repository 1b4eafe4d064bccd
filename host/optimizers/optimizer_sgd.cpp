// SPDX-License-Identifier: Apache-2.0
//
// SGD with momentum as torch.optim.SGD has it: optim "sgd".
#include "optimizers/optimizer_base.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

class Sgd final : public TorchOptimizer {
 public:
  Sgd(std::vector<ParamGroup> groups, const OptimizerSettings& settings, const OptimArgs& args)
      : TorchOptimizer(std::move(groups), settings,
                       {{"momentum", args.value("momentum", 0)},
                        {"dampening", args.value("dampening", 0)},
                        {"nesterov", args.truth("nesterov")},
                        {"maximize", false},
                        {"foreach", c10::IValue()},
                        {"differentiable", false},
                        {"fused", c10::IValue()}},
                       {"momentum_buffer"}) {
    args.require_not_negative({"momentum", "weight_decay"});
    options_changed("args");
    for (const Values& v : values_) {
      if (!v.nesterov || (v.momentum > 0 && v.dampening == 0)) continue;
      throw_usage(error_id::arguments_invalid,
                  "args: optim_args has nesterov=true without a momentum above 0 or with a dampening; "
                  "give for example momentum=0.9,nesterov=true");
    }
  }

 private:
  struct Values {
    double momentum, dampening;
    bool nesterov;
  };

  void options_changed(std::string_view where) override {
    values_.resize(param_groups().size());
    for (std::size_t g = 0; g < values_.size(); ++g) {
      require_off(g, {"maximize", "differentiable"}, where);
      values_[g] = {option(g, "momentum", where), option(g, "dampening", where), flag(g, "nesterov", where)};
    }
  }

  void init_state(std::size_t, TensorLists&, std::size_t) override {}

  // at::_fused_sgd_ is not used: with momentum it differs from torch's default in the last bit.
  void update(std::size_t g, TensorLists& lists) override {
    const ParamGroup& group = param_groups()[g];
    const Values& v = values_[g];
    std::vector<at::Tensor> decayed;
    if (group.weight_decay != 0) {
      decayed = at::_foreach_add(lists.grads, lists.params, double{group.weight_decay});
    }
    const std::vector<at::Tensor>& grads = decayed.empty() ? lists.grads : decayed;
    if (v.momentum == 0) {
      at::_foreach_add_(lists.params, grads, -group.lr);
      return;
    }
    std::vector<at::Tensor>& buffers = lists.states[0];
    update_buffers(buffers, grads, v);
    if (v.nesterov) {
      at::_foreach_add_(lists.params, at::_foreach_add(grads, buffers, v.momentum), -group.lr);
    } else {
      at::_foreach_add_(lists.params, buffers, -group.lr);
    }
  }

  // A first buffer is the gradient itself, without dampening.
  static void update_buffers(std::vector<at::Tensor>& buffers, const std::vector<at::Tensor>& grads, const Values& v) {
    bool all = true;
    for (const at::Tensor& buffer : buffers) all = all && buffer.defined();
    if (all) {
      at::_foreach_mul_(buffers, v.momentum);
      at::_foreach_add_(buffers, grads, 1 - v.dampening);
      return;
    }
    for (std::size_t i = 0; i < buffers.size(); ++i) {
      if (buffers[i].defined()) {
        buffers[i].mul_(v.momentum).add_(grads[i], 1 - v.dampening);
      } else {
        buffers[i] = grads[i].detach().clone();
      }
    }
  }

  std::vector<Values> values_;
};

}  // namespace

std::unique_ptr<Optimizer> make_sgd(std::vector<ParamGroup> groups, const OptimizerSettings& settings) {
  return std::make_unique<Sgd>(std::move(groups), settings, OptimArgs(settings.optim_args));
}

}  // namespace trainer
