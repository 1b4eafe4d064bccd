// SPDX-License-Identifier: Apache-2.0
//
// The schedulers that each step drives: a base rate times a curve.
#include "formats/python_value.hpp"
#include "schedules/lr_schedules.hpp"
#include "trainer/error.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {
namespace {

// As in Python, where two ints make an int.
Number product(const Number& a, const Number& b) {
  if (a.is_integer() && b.is_integer()) return static_cast<std::int64_t>(a) * static_cast<std::int64_t>(b);
  return a * b;
}

/// torch's LambdaLR: rate = base rate * factor(steps).
class FactorScheduler final : public LRScheduler {
 public:
  FactorScheduler(Optimizer& optimizer, LrFactor factor, bool plain_function)
      : optimizer_(optimizer), factor_(std::move(factor)), plain_function_(plain_function) {
    for (ParamGroup& group : optimizer_.param_groups()) {
      if (!group.has_initial_lr) group.initial_lr = group.lr;
      group.has_initial_lr = true;
      base_lrs_.push_back(group.initial_lr);
    }
    step();
  }

  void step() override {
    ++step_count_;
    ++last_epoch_;
    auto& groups = optimizer_.param_groups();
    last_lr_.resize(groups.size(), 0.0);
    for (std::size_t g = 0; g < groups.size(); ++g) {
      groups[g].lr = last_lr_[g] = product(base_lrs_[g], factor_(last_epoch_));
    }
  }

  void step(double) override {}
  bool metric_driven() const override { return false; }
  std::vector<double> get_last_lr() const override { return {last_lr_.begin(), last_lr_.end()}; }

  c10::IValue state_dict() const override {
    python::Dict state = python::make_dict();
    state.insert("base_lrs", python::make_list(base_lrs_));
    state.insert("last_epoch", last_epoch_);
    state.insert("_step_count", step_count_);
    state.insert("_is_initial", false);
    state.insert("_get_lr_called_within_step", false);
    state.insert("_last_lr", python::make_list(last_lr_));
    // The attributes of each group's function object: none, or None for a plain function.
    python::List functions = python::make_list();
    for (std::size_t g = 0; g < base_lrs_.size(); ++g) {
      functions.push_back(plain_function_ ? c10::IValue() : c10::IValue(python::make_dict()));
    }
    state.insert("lr_lambdas", functions);
    return state;
  }

  void load_state_dict(const c10::IValue& value, std::string_view source) override {
    const std::string where(source);
    const python::Dict state = python::dict(value, where);
    python::member(state, "lr_lambdas", where);  // other kinds of scheduler lack it
    auto base_lrs = read_rates(state, "base_lrs", base_lrs_, where);
    auto last_lr = read_rates(state, "_last_lr", last_lr_, where);
    if (const auto saved = python::find(state, "last_epoch")) {
      last_epoch_ = python::integer(*saved, where + ": 'last_epoch'");
    }
    if (const auto saved = python::find(state, "_step_count")) {
      step_count_ = python::integer(*saved, where + ": '_step_count'");
    }
    base_lrs_ = std::move(base_lrs);
    last_lr_ = std::move(last_lr);
  }

 private:
  static std::vector<Number> read_rates(const python::Dict& state, const char* key, const std::vector<Number>& current,
                                        const std::string& where) {
    const auto saved = python::find(state, key);
    if (!saved) return current;
    std::vector<Number> rates = python::numbers(*saved, where + ": '" + key + "'");
    if (rates.size() == current.size()) return rates;
    throw_run(error_id::checkpoint_mismatch,
              where + ": '" + key + "' has " + std::to_string(rates.size()) + " rates, expected " +
                  std::to_string(current.size()) +
                  ", one for each parameter group; resume with the model that wrote the file");
  }

  Optimizer& optimizer_;
  LrFactor factor_;
  bool plain_function_;
  std::vector<Number> base_lrs_, last_lr_;
  std::int64_t last_epoch_ = -1;
  std::int64_t step_count_ = 0;
};

}  // namespace

std::unique_ptr<LRScheduler> make_factor_scheduler(Optimizer& optimizer, LrFactor factor, bool plain_function) {
  return std::make_unique<FactorScheduler>(optimizer, std::move(factor), plain_function);
}

}  // namespace trainer
