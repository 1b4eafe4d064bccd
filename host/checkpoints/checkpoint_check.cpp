// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_check.hpp"

#include <cmath>

#include "checkpoints/checkpoint_manifest.hpp"
#include "formats/safetensors_file.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/torch_file.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

void require(bool good, const fs::path& file, std::string_view field, const json::value& found,
             const std::string& expected) {
  if (good) return;
  throw_run(error_id::checkpoint_damaged, file.string() + ": " + std::string(field) + " is " + json::dump(found) +
                                              ", expected " + expected +
                                              "; the file is damaged, so use another copy or an earlier checkpoint");
}

void check_steps(const TrainerState& state, const fs::path& file) {
  const auto step = checkpoint_step(file.parent_path().filename().string());
  if (step)
    require(state.global_step == *step, file, "global_step", state.global_step,
            std::to_string(*step) + ", as the directory's name says");
  else
    require(state.global_step >= 0 && (state.max_steps <= 0 || state.global_step <= state.max_steps), file,
            "global_step", state.global_step, "a step from 0 to max_steps, " + std::to_string(state.max_steps));
  for (const auto& entry : state.log_history) {
    const auto* logged = entry.if_contains("step");
    if (logged && logged->is_int64())
      require(logged->get_int64() >= 0 && logged->get_int64() <= state.global_step, file, "step of a log", *logged,
              "one up to global_step, " + std::to_string(state.global_step));
  }
  if (state.best_global_step)
    require(*state.best_global_step >= 0 && *state.best_global_step <= state.global_step, file, "best_global_step",
            *state.best_global_step, "a step up to global_step, " + std::to_string(state.global_step));
}

void check_numbers(const TrainerState& state, const fs::path& file) {
  for (const auto& [name, number] : {std::pair<const char*, std::int64_t>{"max_steps", state.max_steps},
                                     {"num_train_epochs", state.num_train_epochs},
                                     {"num_input_tokens_seen", state.num_input_tokens_seen}})
    require(number >= 0, file, name, number, "0 or more");
  for (const auto& [name, number] : {std::pair<const char*, Number>{"epoch", state.epoch},
                                     {"total_flos", state.total_flos},
                                     {"logging_steps", state.logging_steps},
                                     {"eval_steps", state.eval_steps},
                                     {"save_steps", state.save_steps}})
    require(std::isfinite(number) && number >= 0, file, name, number.to_json(), "a finite number, 0 or more");
  if (state.train_batch_size)
    require(*state.train_batch_size > 0, file, "train_batch_size", *state.train_batch_size, "1 or more");
}

}  // namespace

TrainerState load_checkpoint_state(const fs::path& checkpoint) {
  const fs::path file = checkpoint / state_file;
  json::value content;
  try {
    content = json::parse_file(file);
  } catch (const Error& e) {
    if (e.id().text != error_id::json_invalid.text) throw;
    throw_run(error_id::checkpoint_damaged, e.sentence());
  }
  TrainerState state = TrainerState::from_json(content, file.string());
  require(content.as_object().contains("global_step"), file, "global_step", nullptr, "a step");
  check_steps(state, file);
  check_numbers(state, file);
  return state;
}

void check_checkpoint(const fs::path& checkpoint) {
  if (const auto manifest = CheckpointManifest::load(checkpoint)) {
    manifest->check_all(checkpoint);
  } else {
    for (const char* archive : {optimizer_file, scheduler_file, scaler_file})
      if (fs::exists(checkpoint / archive)) check_torch_file(checkpoint / archive);
  }
  SafetensorsFile(checkpoint / weights_file);
  if (fs::exists(checkpoint / state_file)) load_checkpoint_state(checkpoint);
}

}  // namespace trainer
