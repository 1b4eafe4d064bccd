// SPDX-License-Identifier: Apache-2.0
//
// GreedyLR of transformers (arXiv:2512.14527): raises the rate while a metric improves and lowers
// it while it does not. lr_scheduler_type "greedy".
#include <algorithm>

#include "schedules/lr_schedules.hpp"
#include "schedules/metric_scheduler.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

/// Mean of the last `window_size` values. The sum is carried along, with Python's rounding.
struct StreamingAverage {
  std::int64_t window_size;
  std::vector<double> values = {};
  double sum = 0.0;

  double add(double value) {
    values.push_back(value);
    sum += value;
    if (static_cast<std::int64_t>(values.size()) > window_size) {
      sum -= values.front();
      values.erase(values.begin());
    }
    return sum / static_cast<double>(values.size());
  }
};

class GreedyScheduler final : public MetricScheduler {
 public:
  GreedyScheduler(Optimizer& optimizer, const LrKwargs& kwargs)
      : MetricScheduler(optimizer, kwargs, {0.95, 1e-6, "abs"}),
        min_lrs_(kwargs.per_group("min_lr", 1e-3, optimizer.param_groups().size())),
        max_lrs_(kwargs.per_group("max_lr", 1.0, optimizer.param_groups().size())),
        init_lrs_(group_lrs()),
        verbose_(kwargs.flag("verbose", false)),
        smooth_(kwargs.flag("smooth", false)),
        warmup_(kwargs.count("warmup", 0)),
        window_size_(kwargs.count("window_size", 50)),
        reset_start_(kwargs.count("reset_start", 500)),
        reset_start_original_(reset_start_) {
    if (window_size_ < 1) {
      kwargs.refuse("window_size", std::to_string(window_size_), "a number above 0");
    }
    if (smooth_) average_ = StreamingAverage{window_size_};
  }

  using MetricScheduler::step;
  void step(double metric) override {
    if (smooth_ && average_) metric = average_->add(metric);
    ++last_epoch_;
    if (cooldown_counter_ > 0) {
      --cooldown_counter_;
      num_bad_epochs_ = num_good_epochs_ = 0;
    } else if (warmup_counter_ > 0) {
      --warmup_counter_;
      num_bad_epochs_ = num_good_epochs_ = 0;
    } else {
      compare(metric);
    }
    last_lr_ = group_lrs();
  }

  c10::IValue state_dict() const override {
    python::Dict state = python::make_dict();
    state.insert("factor", python::make_number(factor_));
    state.insert("min_lrs", python::make_list(min_lrs_));
    state.insert("max_lrs", python::make_list(max_lrs_));
    state.insert("patience", patience_);
    state.insert("verbose", verbose_);
    state.insert("cooldown", cooldown_);
    state.insert("warmup", warmup_);
    state.insert("cooldown_counter", cooldown_counter_);
    state.insert("warmup_counter", warmup_counter_);
    state.insert("mode", mode_);
    state.insert("threshold", python::make_number(threshold_));
    state.insert("threshold_mode", threshold_mode_);
    state.insert("best", best_);
    state.insert("num_bad_epochs", num_bad_epochs_);
    state.insert("num_good_epochs", num_good_epochs_);
    state.insert("eps", python::make_number(eps_));
    state.insert("last_epoch", last_epoch_);
    state.insert("smooth", smooth_);
    state.insert("window_size", window_size_);
    state.insert("reset_start", reset_start_);
    state.insert("reset_start_original", reset_start_original_);
    state.insert("_last_lr", python::make_list(last_lr_));
    state.insert("_init_lrs", python::make_list(init_lrs_));
    if (smooth_ && average_) {
      python::Dict average = python::make_dict();
      average.insert("window_size", average_->window_size);
      average.insert("values", python::make_list(average_->values));
      average.insert("sum", average_->sum);
      state.insert("_streaming_avg", average);
    }
    return state;
  }

  void load_state_dict(const c10::IValue& value, std::string_view where) override {
    const StateReader state(value, where);
    read_common(state);
    state.read("min_lrs", min_lrs_);
    state.read("max_lrs", max_lrs_);
    state.read("verbose", verbose_);
    state.read("warmup", warmup_);
    state.read("warmup_counter", warmup_counter_);
    state.read("num_good_epochs", num_good_epochs_);
    state.read("smooth", smooth_);
    state.read("window_size", window_size_);
    state.read("reset_start", reset_start_);
    state.read("reset_start_original", reset_start_original_);
    state.read("_init_lrs", init_lrs_);
    if (const auto saved = state.find("_streaming_avg")) {
      const std::string place = state.place("_streaming_avg");
      const StateReader part(*saved, place);
      StreamingAverage average{window_size_};
      part.read("window_size", average.window_size);
      part.read("sum", average.sum);
      if (const auto values = part.find("values")) {
        const auto numbers = python::numbers(*values, place);
        average.values.assign(numbers.begin(), numbers.end());
      }
      average_ = std::move(average);
    }
    if (!state.find("_last_lr")) return;
    auto& groups = optimizer_.param_groups();
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g].lr = last_lr_[g];
  }

 private:
  void compare(double metric) {
    if (is_better(metric)) {
      best_ = metric;
      num_bad_epochs_ = 0;
      ++num_good_epochs_;
    } else {
      ++num_bad_epochs_;
      num_good_epochs_ = 0;
    }
    if (num_good_epochs_ > patience_) {
      raise();
      warmup_counter_ = warmup_;
      num_good_epochs_ = 0;
    } else if (num_bad_epochs_ > patience_) {
      lower();
      cooldown_counter_ = cooldown_;
      num_bad_epochs_ = 0;
    }
  }

  void lower() {
    bool all_at_floor = true;
    auto& groups = optimizer_.param_groups();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double lr = std::max<double>(groups[g].lr * factor_, min_lrs_[g]);
      if (groups[g].lr - lr > eps_) change(g, lr, "reducing");
      if (groups[g].lr > min_lrs_[g]) all_at_floor = false;
    }
    if (all_at_floor && --reset_start_ <= 0) reset();
  }

  void raise() {
    auto& groups = optimizer_.param_groups();
    for (std::size_t g = 0; g < groups.size(); ++g) {
      const double lr = std::min<double>(groups[g].lr / factor_, max_lrs_[g]);
      if (lr - groups[g].lr > eps_) change(g, lr, "raising");
    }
    reset_start_ = reset_start_original_;
  }

  void change(std::size_t g, double lr, const char* what) {
    optimizer_.param_groups()[g].lr = lr;
    if (!verbose_) return;
    log::info("greedy: evaluation " + std::to_string(last_epoch_) + ": " + what + " the learning rate of group " +
              std::to_string(g) + " to " + json::repr(lr));
  }

  void reset() {
    auto& groups = optimizer_.param_groups();
    for (std::size_t g = 0; g < groups.size(); ++g) groups[g].lr = init_lrs_[g];
    best_ = worst();
    num_bad_epochs_ = num_good_epochs_ = 0;
    cooldown_counter_ = warmup_counter_ = 0;
    reset_start_ = reset_start_original_;
    if (smooth_ && average_) average_ = StreamingAverage{window_size_};
    if (verbose_) log::info("greedy: back to the first learning rate");
  }

  std::vector<Number> min_lrs_, max_lrs_;
  std::vector<Number> init_lrs_;
  bool verbose_, smooth_;
  std::int64_t warmup_, window_size_;
  std::int64_t reset_start_, reset_start_original_;  // evaluations left at the floor, of how many
  std::int64_t warmup_counter_ = 0;
  std::int64_t num_good_epochs_ = 0;
  std::optional<StreamingAverage> average_;
};

}  // namespace

std::unique_ptr<LRScheduler> make_greedy_scheduler(Optimizer& optimizer, const json::object& kwargs) {
  const LrKwargs given("greedy", kwargs,
                       {"mode", "factor", "patience", "threshold", "threshold_mode", "cooldown", "warmup", "min_lr",
                        "max_lr", "eps", "verbose", "smooth", "window_size", "reset_start"});
  return std::make_unique<GreedyScheduler>(optimizer, given);
}

}  // namespace trainer
