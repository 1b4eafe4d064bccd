// SPDX-License-Identifier: Apache-2.0
//
// TrainerState as JSON, as transformers writes and reads it, and as the view that plugins get.
#include "trainer/trainer_state.hpp"

#include <trainer/state.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/text.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/trainer_control.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {
namespace {

template <typename T>
json::value to_value(const T& field) {
  return field;
}
json::value to_value(const Number& n) { return n.to_json(); }
json::value to_value(const std::string& text) { return boost::json::string(text); }
json::value to_value(const std::deque<json::object>& entries) { return json::array(entries.begin(), entries.end()); }
template <typename T>
json::value to_value(const std::optional<T>& field) {
  return field ? to_value(*field) : json::value(nullptr);
}

// Each overload reads one type; `expected` says which, for the message.
bool read(const json::value& v, Number& out, std::string_view& expected) {
  expected = "a number";
  if (v.is_int64()) return out = Number(v.get_int64()), true;
  if (v.is_double()) return out = Number(v.get_double()), true;
  return false;
}
bool read(const json::value& v, std::int64_t& out, std::string_view& expected) {
  expected = "an integer";
  return v.is_int64() && (out = v.get_int64(), true);
}
bool read(const json::value& v, bool& out, std::string_view& expected) {
  expected = "a boolean";
  return v.is_bool() && (out = v.get_bool(), true);
}
bool read(const json::value& v, std::string& out, std::string_view& expected) {
  expected = "a string";
  return v.is_string() && (out = std::string(v.get_string()), true);
}
bool read(const json::value& v, json::value& out, std::string_view&) { return out = v, true; }
bool read(const json::value& v, json::object& out, std::string_view& expected) {
  expected = "an object";
  return v.is_object() && (out = v.get_object(), true);
}
bool read(const json::value& v, std::deque<json::object>& out, std::string_view& expected) {
  expected = "a list of objects";
  if (!v.is_array()) return false;
  out.clear();
  for (const auto& entry : v.get_array()) {
    if (!entry.is_object()) return false;
    out.push_back(entry.get_object());
  }
  return true;
}
template <typename T>
bool read(const json::value& v, std::optional<T>& out, std::string_view& expected) {
  if (v.is_null()) return out.reset(), true;
  T field{};
  if (!read(v, field, expected)) return false;
  out = std::move(field);
  return true;
}
bool read(const json::value& v, std::optional<Number>& out, std::string_view& expected) {
  if (v.is_null()) return out.reset(), true;
  Number number = 0;
  if (!read(v, number, expected)) return false;
  out = number;
  return true;
}

template <typename State, typename F>
void for_each_field(State& s, F&& f) {
  f("epoch", s.epoch);
  f("global_step", s.global_step);
  f("max_steps", s.max_steps);
  f("logging_steps", s.logging_steps);
  f("eval_steps", s.eval_steps);
  f("save_steps", s.save_steps);
  f("train_batch_size", s.train_batch_size);
  f("num_train_epochs", s.num_train_epochs);
  f("num_input_tokens_seen", s.num_input_tokens_seen);
  f("total_flos", s.total_flos);
  f("log_history", s.log_history);
  f("best_metric", s.best_metric);
  f("best_global_step", s.best_global_step);
  f("best_model_checkpoint", s.best_model_checkpoint);
  f("is_local_process_zero", s.is_local_process_zero);
  f("is_world_process_zero", s.is_world_process_zero);
  f("is_hyper_param_search", s.is_hyper_param_search);
  f("trial_name", s.trial_name);
  f("trial_params", s.trial_params);
  f("stateful_callbacks", s.stateful_callbacks);
}

Number resolved(const Number& given, std::int64_t max_steps) {
  if (given >= 1) return given;
  return static_cast<std::int64_t>(std::ceil(static_cast<double>(max_steps) * given));
}

trainer_text text_of(const std::optional<std::string>& s) {
  return s ? trainer_text{s->data(), s->size()} : trainer_text{nullptr, 0};
}

}  // namespace

void TrainerState::compute_steps(const TrainingArguments& args, std::int64_t steps) {
  logging_steps = resolved(args.logging_steps, steps);
  if (args.eval_steps) eval_steps = resolved(*args.eval_steps, steps);
  save_steps = resolved(args.save_steps, steps);
}

bool TrainerState::update_best(const Number& metric, const TrainingArguments& args) {
  const bool greater = args.greater_is_better.value_or(false);
  if (!best_metric) {
    const double infinity = std::numeric_limits<double>::infinity();
    best_metric = greater ? -infinity : infinity;
  }
  const double now = metric, best = *best_metric;
  if (!(greater ? now > best : now < best)) return false;
  best_metric = metric;
  if (args.save_strategy != "no") best_global_step = global_step;
  return true;
}

json::object TrainerState::to_json() const {
  json::object out;
  for_each_field(*this, [&](std::string_view name, const auto& field) { out.emplace(name, to_value(field)); });
  return out;
}

TrainerState TrainerState::from_json(const json::value& v, std::string_view where) {
  if (!v.is_object())
    throw_usage(error_id::trainer_state_invalid, std::string(where) + " is " + std::string(json::kind_name(v)) +
                                                     ", expected the object of a trainer state");
  TrainerState state;
  std::vector<std::string> known;
  for_each_field(state, [&](std::string_view name, auto& field) {
    known.emplace_back(name);
    const auto* found = v.get_object().if_contains(name);
    std::string_view expected;
    if (found && !read(*found, field, expected))
      throw_usage(error_id::trainer_state_invalid, std::string(where) + ": " + std::string(name) + " is " +
                                                       std::string(json::kind_name(*found)) + ", expected " +
                                                       std::string(expected));
  });
  for (const auto& entry : v.get_object()) {
    const std::string key(entry.key());
    if (std::find(known.begin(), known.end(), key) != known.end()) continue;
    const std::string near = nearest(key, known);
    throw_usage(error_id::trainer_state_invalid, std::string(where) + ": \"" + key +
                                                     "\" is not a field of a trainer state" +
                                                     (near.empty() ? "" : "; did you mean \"" + near + "\"?"));
  }
  return state;
}

std::string TrainerState::to_json_string() const {
  return json::dump(to_json(), {.indent = 2, .sort_keys = true}) + "\n";
}

void TrainerState::save_to_json(const std::filesystem::path& path) const { replace_file(path, to_json_string()); }

TrainerState TrainerState::load_from_json(const std::filesystem::path& path) {
  return from_json(json::parse_file(path), path.string());
}

void TrainerState::fill(trainer_state& view) const {
  view.struct_size = sizeof view;
  view.present =
      (best_metric ? TRAINER_STATE_HAS_BEST_METRIC : 0) | (best_global_step ? TRAINER_STATE_HAS_BEST_GLOBAL_STEP : 0) |
      (best_model_checkpoint ? TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT : 0) |
      (train_batch_size ? TRAINER_STATE_HAS_TRAIN_BATCH_SIZE : 0) | (trial_name ? TRAINER_STATE_HAS_TRIAL_NAME : 0);
  view.epoch = epoch;
  view.global_step = global_step;
  view.max_steps = max_steps;
  view.num_train_epochs = num_train_epochs;
  view.train_batch_size = train_batch_size.value_or(0);
  view.num_input_tokens_seen = num_input_tokens_seen;
  view.logging_steps = logging_steps;
  view.eval_steps = eval_steps;
  view.save_steps = save_steps;
  view.total_flos = total_flos;
  view.best_metric = best_metric ? static_cast<double>(*best_metric) : 0.0;
  view.best_global_step = best_global_step.value_or(0);
  view.best_model_checkpoint = text_of(best_model_checkpoint);
  view.trial_name = text_of(trial_name);
  view.is_local_process_zero = is_local_process_zero;
  view.is_world_process_zero = is_world_process_zero;
  view.is_hyper_param_search = is_hyper_param_search;
  view.reserved = 0;
}

}  // namespace trainer
