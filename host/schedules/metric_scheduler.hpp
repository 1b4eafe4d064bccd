// SPDX-License-Identifier: Apache-2.0
//
// The base of the schedulers that evaluations drive, and how they read their saved states.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/python_value.hpp"
#include "schedules/lr_kwargs.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/optimizer.hpp"

namespace trainer {

/// Reads those keys that a saved state has, each into a value of its kind, and leaves the others,
/// as Python's schedulers do.
class StateReader {
 public:
  StateReader(const c10::IValue& value, std::string_view where);

  void read(const char* key, Number& out) const;
  void read(const char* key, double& out) const;
  void read(const char* key, std::int64_t& out) const;
  void read(const char* key, bool& out) const;
  void read(const char* key, const std::vector<std::string>& choices, std::string& out) const;
  void read(const char* key, std::vector<Number>& out) const;  ///< one for each group

  std::optional<c10::IValue> find(const char* key) const { return python::find(state_, key); }
  std::string place(const char* key) const { return where_ + ": '" + key + "'"; }

 private:
  std::string where_;
  python::Dict state_;
};

/// What the schedulers that evaluations drive have in common: the comparison with the best value so
/// far. "epochs" in the names are evaluations.
class MetricScheduler : public LRScheduler {
 public:
  using LRScheduler::step;
  void step() final {}
  bool metric_driven() const final { return true; }
  std::vector<double> get_last_lr() const final { return {last_lr_.begin(), last_lr_.end()}; }

 protected:
  struct Defaults {
    double factor, threshold;
    const char* threshold_mode;
  };
  MetricScheduler(Optimizer& optimizer, const LrKwargs& kwargs, const Defaults& defaults);

  double worst() const;  ///< infinity of the sign that everything is better than
  bool is_better(double metric) const;
  std::vector<Number> group_lrs() const;
  void read_common(const StateReader& state);

  Optimizer& optimizer_;
  Number factor_, threshold_, eps_;
  std::int64_t patience_, cooldown_;
  std::string mode_, threshold_mode_;
  double best_;
  std::int64_t cooldown_counter_ = 0;
  std::int64_t num_bad_epochs_ = 0;
  std::int64_t last_epoch_ = 0;
  std::vector<Number> last_lr_;
};

}  // namespace trainer
