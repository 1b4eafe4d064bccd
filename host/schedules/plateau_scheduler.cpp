// SPDX-License-Identifier: Apache-2.0
//
// torch.optim.lr_scheduler.ReduceLROnPlateau: lr_scheduler_type "reduce_lr_on_plateau".
#include <algorithm>

#include "schedules/lr_schedules.hpp"
#include "schedules/metric_scheduler.hpp"

namespace trainer {
namespace {

class PlateauScheduler final : public MetricScheduler {
 public:
  PlateauScheduler(Optimizer& optimizer, const LrKwargs& kwargs)
      : MetricScheduler(optimizer, kwargs, {0.1, 1e-4, "rel"}),
        min_lrs_(kwargs.per_group("min_lr", 0, optimizer.param_groups().size())) {
    if (!kwargs.is_list("min_lr")) default_min_lr_ = kwargs.number("min_lr", 0);
  }

  using MetricScheduler::step;
  void step(double metric) override {
    ++last_epoch_;
    if (is_better(metric)) {
      best_ = metric;
      num_bad_epochs_ = 0;
    } else {
      ++num_bad_epochs_;
    }
    if (cooldown_counter_ > 0) {
      --cooldown_counter_;
      num_bad_epochs_ = 0;
    }
    if (num_bad_epochs_ > patience_) {
      reduce();
      cooldown_counter_ = cooldown_;
      num_bad_epochs_ = 0;
    }
    last_lr_ = group_lrs();
  }

  c10::IValue state_dict() const override {
    python::Dict state = python::make_dict();
    state.insert("factor", python::make_number(factor_));
    state.insert("default_min_lr", default_min_lr_ ? python::make_number(*default_min_lr_) : c10::IValue());
    state.insert("min_lrs", python::make_list(min_lrs_));
    state.insert("patience", patience_);
    state.insert("cooldown", cooldown_);
    state.insert("eps", python::make_number(eps_));
    state.insert("last_epoch", last_epoch_);
    state.insert("_last_lr", python::make_list(last_lr_));
    state.insert("mode_worse", worst());
    state.insert("mode", mode_);
    state.insert("threshold", python::make_number(threshold_));
    state.insert("threshold_mode", threshold_mode_);
    state.insert("best", best_);
    state.insert("cooldown_counter", cooldown_counter_);
    state.insert("num_bad_epochs", num_bad_epochs_);
    return state;
  }

  void load_state_dict(const c10::IValue& value, std::string_view where) override {
    const StateReader state(value, where);
    read_common(state);
    state.read("min_lrs", min_lrs_);
    if (const auto saved = state.find("default_min_lr")) {
      default_min_lr_.reset();
      if (!saved->isNone()) default_min_lr_ = python::number(*saved, state.place("default_min_lr"));
    }
  }

 private:
  void reduce() {
    auto& groups = optimizer_.param_groups();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double lr = std::max<double>(groups[g].lr * factor_, min_lrs_[g]);
      if (groups[g].lr - lr > eps_) groups[g].lr = lr;
    }
  }

  std::vector<Number> min_lrs_;
  std::optional<Number> default_min_lr_;  // none when each group has its own; kept for the file only
};

}  // namespace

std::unique_ptr<LRScheduler> make_plateau_scheduler(Optimizer& optimizer, const json::object& kwargs) {
  const LrKwargs given("reduce_lr_on_plateau", kwargs,
                       {"mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "min_lr", "eps"});
  return std::make_unique<PlateauScheduler>(optimizer, given);
}

}  // namespace trainer
