// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "trainer/number.hpp"

struct trainer_state;

namespace trainer {

struct TrainingArguments;

/// What a run knows of itself; kept in each checkpoint as trainer_state.json. Fields, defaults and
/// file are transformers' (trainer_callback.py, class TrainerState).
struct TrainerState {
  Number epoch = 0;  ///< the integer 0 until the first optimizer step, then a float
  std::int64_t global_step = 0;
  std::int64_t max_steps = 0;
  Number logging_steps = 500;
  Number eval_steps = 500;
  Number save_steps = 500;
  std::optional<std::int64_t> train_batch_size;
  std::int64_t num_train_epochs = 0;
  std::int64_t num_input_tokens_seen = 0;
  Number total_flos = 0;
  std::deque<json::object> log_history;  ///< one entry a log, each with its "step"
  std::optional<Number> best_metric;
  std::optional<std::int64_t> best_global_step;
  std::optional<std::string> best_model_checkpoint;
  bool is_local_process_zero = true;
  bool is_world_process_zero = true;
  bool is_hyper_param_search = false;
  std::optional<std::string> trial_name;
  json::value trial_params;
  json::object stateful_callbacks;

  /// Resolves args.logging_steps, eval_steps and save_steps: below 1 they are a share of max_steps.
  void compute_steps(const TrainingArguments& args, std::int64_t max_steps);

  /// Takes a metric over as best_metric when it is strictly better; then also best_global_step, unless
  /// save_strategy is "no". Returns whether it was. NaN never is. (transformers'
  /// _determine_best_metric.)
  bool update_best(const Number& metric, const TrainingArguments& args);

  json::object to_json() const;
  std::string to_json_string() const;  ///< as save_to_json() writes it
  /// Strict, as in transformers: an unknown key is an Error; a missing one keeps its default.
  static TrainerState from_json(const json::value& v, std::string_view where);

  void save_to_json(const std::filesystem::path& path) const;
  static TrainerState load_from_json(const std::filesystem::path& path);

  /// Refreshes a callback's view; its texts point into this object.
  void fill(trainer_state& view) const;
};

}  // namespace trainer
