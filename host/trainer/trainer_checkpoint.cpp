// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what one holds, and how it comes back.
#include <ATen/core/ivalue.h>

#include "base/text.hpp"
#include "checkpoints/checkpoint_check.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/checkpoint_saver.hpp"
#include "checkpoints/generator_state.hpp"
#include "data/data_description.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
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
  in_phase("save", state_.global_step, [&] {
    fs::create_directories(directory);
    // What tells of the files before goes first: at no moment it stands beside others.
    fs::remove(directory / manifest_file);
    auto manifest =
        write_model_files(directory, state_dict(*model_.module), shared_names(*model_.module), args_file_text());
    manifest.run = *run_identity_;
    manifest.save(directory);
  });
}

std::string Trainer::args_file_text() const {
  json::object args = args_.to_dict();
  if (!data_description_.empty()) args.emplace("data", data_description_);
  return json::dump(args, {.indent = 2}) + "\n";
}

void Trainer::save_state() const {
  const fs::path directory = args_.output_dir;
  const std::string text = state_.to_json_string();
  replace_file(directory / state_file, text);
  auto manifest = CheckpointManifest::load(directory);
  if (!manifest) return;
  manifest->add(state_file, text);
  manifest->save(directory);
}

void Trainer::save_model_for_plugin(const fs::path& directory) const {
  if (const fs::path* saved = saver_->announced())
    copy_model_files(*saved, directory);
  else
    write_model_files(directory, state_dict(*model_.module), shared_names(*model_.module), args_file_text());
}

void Trainer::save_checkpoint() {
  saver_->finish();
  store_flos();
  const fs::path root = args_.output_dir;
  if (args_.save_strategy != "no" && state_.best_global_step.value_or(0) != 0) {
    // The best one may be the very directory that is being written.
    const fs::path best = root / checkpoint_name(*state_.best_global_step);
    if (*state_.best_global_step == state_.global_step ||
        (run_identity_->written.contains(*state_.best_global_step) && run_identity_->owns(best)))
      state_.best_model_checkpoint = best.string();
  }
  run_identity_->written.insert(state_.global_step);
  if (state_.best_global_step != state_.global_step) forget_lost_best();
  handler_->refresh_states(state_.stateful_callbacks);
  saver_->save(checkpoint_contents(), root, args_.save_total_limit);
}

CheckpointContents Trainer::checkpoint_contents() const {
  CheckpointContents contents{.weights = state_dict(*model_.module),
                              .shared = shared_names(*model_.module),
                              .args = args_file_text(),
                              .optimizer = {},
                              .scheduler = {},
                              .scaler = {},
                              .rng = {},
                              .run = *run_identity_};
  if (args_.save_only_model) return contents;
  contents.optimizer = optimizer_->state_dict();
  contents.scheduler = lr_scheduler_->state_dict();
  if (scaler_) contents.scaler = scaler_state(*scaler_);
  contents.rng = rng_state();
  return contents;
}

void Trainer::load_model(const fs::path& checkpoint) {
  in_phase("load", state_.global_step, [&] {
    try {
      if (const auto manifest = CheckpointManifest::load(checkpoint))
        for (const char* file : {weights_file, args_file}) manifest->check(checkpoint, file);
      load_model_files(checkpoint);
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::usage) throw;  // whole, and of another model
      throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
    }
  });
}

void Trainer::load_model_files(const fs::path& checkpoint) {
  load_weights(*model_.module, checkpoint / weights_file);
  auto kept = kept_description(checkpoint);
  if (train_dataset_ && !train_dataset_->description().empty())
    require_same_description(kept, data_description_, checkpoint);
  else
    data_description_ = std::move(kept);
}

void Trainer::load_state(const fs::path& checkpoint) {
  in_phase("load", state_.global_step, [&] {
    if (!fs::exists(checkpoint / state_file)) return;
    auto states = std::move(state_.stateful_callbacks);
    state_ = load_checkpoint_state(checkpoint);
    state_.stateful_callbacks = std::move(states);
    state_.is_local_process_zero = state_.is_world_process_zero = true;
  });
}

// As in transformers: a run whose batches did not fit goes on with those that did.
void Trainer::resume_batch_size(const fs::path& checkpoint) {
  if (!fs::exists(checkpoint / state_file)) return;
  if (const auto stored = load_checkpoint_state(checkpoint).train_batch_size) train_batch_size_ = *stored;
}

fs::path Trainer::load_checkpoint(const fs::path& named) {
  const fs::path checkpoint = named.empty() ? newest_checkpoint(args_.output_dir) : named;
  try {
    if (!named.empty()) check_checkpoint(checkpoint);  // the newest one was
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
  load_model_files(checkpoint);
  return checkpoint;
}

RunIdentity Trainer::resume_identity(const fs::path& checkpoint) const {
  if (auto manifest = CheckpointManifest::load(checkpoint)) return std::move(manifest->run);
  RunIdentity run = RunIdentity::make();
  if (const auto step = checkpoint_step(checkpoint.filename().string())) run.unnamed_until = *step;
  return run;
}

void Trainer::tell_foreign_checkpoints() const {
  if (args_.save_total_limit.value_or(0) < 1) return;
  const auto foreign = foreign_checkpoints(args_.output_dir, *run_identity_);
  if (!foreign.empty())
    log::warning(args_.output_dir + " holds checkpoints of another run (" + join(foreign) +
                 "); save_total_limit neither counts nor deletes them");
}

void Trainer::forget_lost_best() {
  if (!state_.best_model_checkpoint || run_identity_->owns(*state_.best_model_checkpoint)) return;
  log::warning("the best checkpoint " + *state_.best_model_checkpoint +
               " is gone, or another run has written its own there; it is forgotten");
  state_.best_model_checkpoint.reset();
}

void Trainer::load_best_model() {
  const std::string stays = "; the model stays that of the last step";
  if (!state_.best_model_checkpoint) {
    if (state_.best_global_step)
      log::warning("load_best_model_at_end: there is no checkpoint of the best step, " +
                   std::to_string(*state_.best_global_step) + stays);
    return;
  }
  const fs::path best = *state_.best_model_checkpoint;
  try {
    check_checkpoint(best);
  } catch (const Error& e) {
    log::warning("load_best_model_at_end: " + e.sentence() + stays);
    state_.best_model_checkpoint.reset();
    return;
  }
  log::info("loading the best model from " + best.string());
  load_weights(*model_.module, best / weights_file);
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
