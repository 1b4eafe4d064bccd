// SPDX-License-Identifier: Apache-2.0
#include "schedules/metric_scheduler.hpp"

#include <algorithm>
#include <limits>

#include "trainer/error.hpp"

namespace trainer {
namespace {

const std::vector<std::string> modes{"min", "max"};
const std::vector<std::string> threshold_modes{"rel", "abs"};

}  // namespace

StateReader::StateReader(const c10::IValue& value, std::string_view where)
    : where_(where), state_(python::dict(value, where_)) {}

void StateReader::read(const char* key, Number& out) const {
  if (const auto saved = find(key)) out = python::number(*saved, place(key));
}

void StateReader::read(const char* key, double& out) const {
  if (const auto saved = find(key)) out = python::number(*saved, place(key));
}

void StateReader::read(const char* key, std::int64_t& out) const {
  if (const auto saved = find(key)) out = python::integer(*saved, place(key));
}

void StateReader::read(const char* key, bool& out) const {
  if (const auto saved = find(key)) out = python::boolean(*saved, place(key));
}

void StateReader::read(const char* key, const std::vector<std::string>& choices, std::string& out) const {
  const auto saved = find(key);
  if (!saved) return;
  std::string text = python::text(*saved, place(key));
  if (std::find(choices.begin(), choices.end(), text) == choices.end()) {
    throw_run(error_id::checkpoint_mismatch, place(key) + ": found '" + text + "', expected '" + choices[0] + "' or '" +
                                                 choices[1] +
                                                 "'; the file is damaged, so resume from another checkpoint");
  }
  out = std::move(text);
}

void StateReader::read(const char* key, std::vector<Number>& out) const {
  const auto saved = find(key);
  if (!saved) return;
  auto numbers = python::numbers(*saved, place(key));
  if (numbers.size() != out.size()) {
    throw_run(error_id::checkpoint_mismatch, place(key) + ": found " + std::to_string(numbers.size()) +
                                                 " numbers, expected " + std::to_string(out.size()) +
                                                 ", one for each parameter group; resume with the model that wrote the "
                                                 "file");
  }
  out = std::move(numbers);
}

MetricScheduler::MetricScheduler(Optimizer& optimizer, const LrKwargs& kwargs, const Defaults& defaults)
    : optimizer_(optimizer),
      factor_(kwargs.number("factor", defaults.factor)),
      threshold_(kwargs.number("threshold", defaults.threshold)),
      eps_(kwargs.number("eps", 1e-8)),
      patience_(kwargs.count("patience", 10)),
      cooldown_(kwargs.count("cooldown", 0)),
      mode_(kwargs.choice("mode", "min", modes)),
      threshold_mode_(kwargs.choice("threshold_mode", defaults.threshold_mode, threshold_modes)),
      best_(worst()),
      last_lr_(group_lrs()) {
  if (!(factor_ < 1.0)) kwargs.refuse("factor", json::repr(factor_), "a number less than 1");
}

double MetricScheduler::worst() const {
  const double infinity = std::numeric_limits<double>::infinity();
  return mode_ == "min" ? infinity : -infinity;
}

bool MetricScheduler::is_better(double metric) const {
  const double threshold = threshold_;
  if (mode_ == "min") {
    return metric < (threshold_mode_ == "rel" ? best_ * (1.0 - threshold) : best_ - threshold);
  }
  return metric > (threshold_mode_ == "rel" ? best_ * (1.0 + threshold) : best_ + threshold);
}

std::vector<Number> MetricScheduler::group_lrs() const {
  std::vector<Number> out;
  for (const ParamGroup& group : optimizer_.param_groups()) out.push_back(group.lr);
  return out;
}

void MetricScheduler::read_common(const StateReader& state) {
  state.read("factor", factor_);
  state.read("threshold", threshold_);
  state.read("eps", eps_);
  state.read("patience", patience_);
  state.read("cooldown", cooldown_);
  state.read("mode", modes, mode_);
  state.read("threshold_mode", threshold_modes, threshold_mode_);
  state.read("best", best_);
  state.read("cooldown_counter", cooldown_counter_);
  state.read("num_bad_epochs", num_bad_epochs_);
  state.read("last_epoch", last_epoch_);
  state.read("_last_lr", last_lr_);
}

}  // namespace trainer
