// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what one holds, and how it comes back.
#include <ATen/core/ivalue.h>

#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/checkpoint_saver.hpp"
#include "checkpoints/generator_state.hpp"
#include "data/data_description.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/precision.hpp"
#include "trainer/torch_file.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace fs = std::filesystem;

void Trainer::store_flos() {
  const bool whole = state_.total_flos.is_integer() && current_flos_.is_integer();
  const double sum = state_.total_flos + current_flos_;
  state_.total_flos = whole ? Number(static_cast<std::int64_t>(sum)) : Number(sum);
  current_flos_ = 0;
}

void Trainer::save_model(const fs::path& directory) const {
  fs::create_directories(directory);
  save_safetensors(directory / weights_file, state_dict(*model_.module));
  replace_file(directory / args_file, args_file_text());
}

std::string Trainer::args_file_text() const {
  json::object args = args_.to_dict();
  if (!data_description_.empty()) args.emplace("data", data_description_);
  return json::dump(args, {.indent = 2}) + "\n";
}

void Trainer::save_model_for_plugin(const fs::path& directory) const {
  if (const fs::path* saved = saver_->announced())
    copy_model_files(*saved, directory);
  else
    save_model(directory);
}

void Trainer::save_checkpoint() {
  saver_->finish();
  store_flos();
  const fs::path root = args_.output_dir;
  if (args_.save_strategy != "no" && state_.best_global_step.value_or(0) != 0) {
    // The best one may be the very directory that is being written.
    const fs::path best = root / checkpoint_name(*state_.best_global_step);
    if (*state_.best_global_step == state_.global_step || fs::exists(best))
      state_.best_model_checkpoint = best.string();
  }
  handler_->refresh_states(state_.stateful_callbacks);
  saver_->save(checkpoint_contents(), root, args_.save_total_limit);
}

CheckpointContents Trainer::checkpoint_contents() const {
  CheckpointContents contents{state_dict(*model_.module), args_file_text(), {}, {}, {}, {}};
  if (args_.save_only_model) return contents;
  contents.optimizer = optimizer_->state_dict();
  contents.scheduler = lr_scheduler_->state_dict();
  if (scaler_) contents.scaler = scaler_state(*scaler_);
  contents.rng = rng_state();
  return contents;
}

void Trainer::load_model(const fs::path& checkpoint) {
  const fs::path file = checkpoint / weights_file;
  NamedTensors stored;
  try {
    stored = map_safetensors(file);
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
  load_weights(*model_.module, stored, file.string());
  auto kept = kept_description(checkpoint);
  if (train_dataset_ && !train_dataset_->description().empty())
    require_same_description(kept, data_description_, checkpoint);
  else
    data_description_ = std::move(kept);
}

void Trainer::load_state(const fs::path& checkpoint) {
  const fs::path file = checkpoint / state_file;
  if (!fs::exists(file)) return;
  auto states = std::move(state_.stateful_callbacks);
  state_ = TrainerState::load_from_json(file);
  state_.stateful_callbacks = std::move(states);
  state_.is_local_process_zero = state_.is_world_process_zero = true;
}

void Trainer::load_best_model() {
  const fs::path best = *state_.best_model_checkpoint;
  if (!fs::exists(best / weights_file)) {
    log::warning("the best model's file " + (best / weights_file).string() + " is gone; the model stays as it is");
    return;
  }
  log::info("loading the best model from " + best.string());
  load_model(best);
}

void Trainer::load_optimizer_and_scheduler(const fs::path& checkpoint) {
  const fs::path optimizer = checkpoint / optimizer_file, scheduler = checkpoint / scheduler_file;
  // As in transformers: both or neither. Without them the optimizer is fresh and the schedule starts at 0.
  if (!fs::exists(optimizer) || !fs::exists(scheduler)) {
    log::warning(checkpoint.string() + " holds no optimizer and scheduler; both start anew");
    return;
  }
  try {
    optimizer_->load_state_dict(read_torch_file(optimizer), optimizer.string());
    lr_scheduler_->load_state_dict(read_torch_file(scheduler), scheduler.string());
    if (scaler_ && fs::exists(checkpoint / scaler_file)) load_scaler(*scaler_, checkpoint / scaler_file);
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
}

}  // namespace trainer
