// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what one holds, and how it comes back.
#include <ATen/core/ivalue.h>

#include "base/text.hpp"
#include "checkpoints/checkpoint_check.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/generator_state.hpp"
#include "checkpoints/shared_files.hpp"
#include "data/data_description.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/torch_file.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace fs = std::filesystem;

void Trainer::Impl::store_flos() {
  current_flos = sum_over_ranks(current_flos);
  const bool whole = state.total_flos.is_integer() && current_flos.is_integer();
  const double sum = state.total_flos + current_flos;
  state.total_flos = whole ? Number(static_cast<std::int64_t>(sum)) : Number(sum);
  current_flos = 0;
}

void Trainer::save_model(const fs::path& directory) const {
  if (!impl_->writes_files()) return;
  in_phase("save", impl_->state.global_step, [&] {
    fs::create_directories(directory);
    // What tells of the files before goes first: at no moment it stands beside others.
    fs::remove(directory / manifest_file);
    auto manifest =
        write_model_files(directory, state_dict(impl_->model->module()), shared_names(impl_->model->module()),
                          impl_->args_file_text(), impl_->model->files());
    manifest.run = *impl_->run_identity;
    manifest.save(directory);
  });
}

void Trainer::push() {
  in_phase("push", impl_->state.global_step, [&] {
    fire(TRAINER_ON_PUSH_BEGIN);
    save_model(impl_->args.output_dir);
  });
}

std::string Trainer::Impl::args_file_text() const {
  json::object out = args.to_dict();
  if (!data_description.empty()) out.emplace("data", data_description);
  return json::dump(out, {.indent = 2}) + "\n";
}

void Trainer::save_state() const {
  if (!impl_->group->ranks().is_world_process_zero()) return;
  const fs::path directory = impl_->args.output_dir;
  const std::string text = impl_->state.to_json_string();
  replace_file(directory / state_file, text);
  auto manifest = CheckpointManifest::load(directory);
  if (!manifest) return;
  manifest->add(state_file, text);
  manifest->save(directory);
}

void Trainer::save_model_for_plugin(const fs::path& directory) const {
  if (const fs::path* saved = impl_->saver->announced())
    copy_model_files(*saved, directory, impl_->model->files());
  else
    write_model_files(directory, state_dict(impl_->model->module()), shared_names(impl_->model->module()),
                      impl_->args_file_text(), impl_->model->files());
}

void Trainer::Impl::save_checkpoint() {
  saver->finish();
  store_flos();
  const fs::path root = args.output_dir;
  if (args.save_strategy != "no" && state.best_global_step.value_or(0) != 0) {
    // The best one may be the very directory that is being written.
    const fs::path best = root / checkpoint_name(*state.best_global_step);
    if (*state.best_global_step == state.global_step ||
        (run_identity->written.contains(*state.best_global_step) && is_own(best)))
      state.best_model_checkpoint = best.string();
  }
  run_identity->written.insert(state.global_step);
  if (state.best_global_step != state.global_step) forget_lost_best();
  handler->refresh_states(state.stateful_callbacks);
  // Of callbacks that run on rank 0 alone, no other writer has the state.
  if (args.save_on_each_node && !group->alone())
    state.stateful_callbacks =
        json::parse(group->broadcast(json::dump(state.stateful_callbacks)), "the states of rank 0").as_object();
  saver->save(checkpoint_contents(), root, args.save_total_limit);
}

// Rank 0's, on each machine that has checkpoints of its own.
void Trainer::Impl::save_plugin_files(const fs::path& checkpoint) {
  if (group->rank() == 0) handler->save_files(checkpoint / plugins_directory);
  if (!args.save_on_each_node || group->alone()) return;
  share_files(*group, checkpoint.empty() ? fs::path() : checkpoint / plugins_directory);
}

void Trainer::Impl::announce_checkpoint(const fs::path& checkpoint) {
  struct Announced {
    std::string& saved;
    ~Announced() { saved.clear(); }
  } const announced{checkpoints.saved};
  checkpoints.newest = fs::absolute(checkpoint).lexically_normal();
  checkpoints.saved = checkpoints.newest.string();
  fire(TRAINER_ON_SAVE);
}

// As rank 0 sees it, for all.
bool Trainer::Impl::is_own(const fs::path& checkpoint) {
  return group->broadcast(group->rank() == 0 && run_identity->owns(checkpoint) ? "own" : "") == "own";
}

// Every rank's generators, and for a rank that writes nothing no more than those.
CheckpointContents Trainer::Impl::checkpoint_contents() {
  auto rng = args.save_only_model ? std::vector<NamedTensors>() : rng_states(*group, rng_state_at_epoch);
  if (!writes_files()) return {};
  CheckpointContents contents{.weights = state_dict(model->module()),
                              .shared = shared_names(model->module()),
                              .args = args_file_text(),
                              .files = model->files(),
                              .optimizer = {},
                              .scheduler = {},
                              .scaler = {},
                              .rng = std::move(rng),
                              .run = *run_identity};
  if (args.save_only_model) return contents;
  contents.optimizer = optimizer->state_dict();
  contents.scheduler = lr_scheduler->state_dict();
  if (scaler) contents.scaler = scaler_state(*scaler);
  return contents;
}

void Trainer::load_model(const fs::path& checkpoint) {
  in_phase("load", impl_->state.global_step, [&] {
    try {
      if (const auto manifest = CheckpointManifest::load(checkpoint))
        for (const char* file : {weights_file, args_file}) manifest->check(checkpoint, file);
      impl_->load_model_files(checkpoint);
    } catch (const Error& e) {
      if (e.kind() == ErrorKind::usage) throw;  // whole, and of another model
      throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
    }
  });
}

void Trainer::Impl::load_model_files(const fs::path& checkpoint) {
  load_weights(model->module(), checkpoint / weights_file, model->saved_names());
  auto kept = kept_description(checkpoint);
  if (train_dataset && !train_dataset->description().empty())
    require_same_description(kept, data_description, checkpoint);
  else
    data_description = std::move(kept);
}

void Trainer::load_state(const fs::path& checkpoint) {
  in_phase("load", impl_->state.global_step, [&] {
    if (!fs::exists(checkpoint / state_file)) return;
    auto states = std::move(impl_->state.stateful_callbacks);
    impl_->state = load_checkpoint_state(checkpoint);
    impl_->state.stateful_callbacks = std::move(states);
    impl_->tell_ranks();
  });
}

// As in transformers: a run whose batches did not fit goes on with those that did.
void Trainer::Impl::resume_batch_size(const fs::path& checkpoint) {
  if (!fs::exists(checkpoint / state_file)) return;
  if (const auto stored = load_checkpoint_state(checkpoint).train_batch_size) train_batch_size = *stored;
}

fs::path Trainer::Impl::load_checkpoint(const fs::path& named) {
  const fs::path checkpoint = agreed_checkpoint(named);
  try {
    if (!named.empty()) check_checkpoint(checkpoint);  // the newest one was
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
  require_same_checkpoint(checkpoint);
  load_model_files(checkpoint);
  return checkpoint;
}

RunIdentity Trainer::Impl::resume_identity(const fs::path& checkpoint) const {
  if (auto manifest = CheckpointManifest::load(checkpoint)) return std::move(manifest->run);
  RunIdentity run = RunIdentity::make();
  if (const auto step = checkpoint_step(checkpoint.filename().string())) run.unnamed_until = *step;
  return run;
}

void Trainer::Impl::tell_foreign_checkpoints() const {
  if (args.save_total_limit.value_or(0) < 1) return;
  const auto foreign = foreign_checkpoints(args.output_dir, *run_identity);
  if (!foreign.empty())
    log::warning(args.output_dir + " holds checkpoints of another run (" + join(foreign) +
                 "); save_total_limit neither counts nor deletes them");
}

void Trainer::Impl::forget_lost_best() {
  if (!state.best_model_checkpoint || is_own(*state.best_model_checkpoint)) return;
  log::warning("the best checkpoint " + *state.best_model_checkpoint +
               " is gone, or another run has written its own there; it is forgotten");
  state.best_model_checkpoint.reset();
}

void Trainer::Impl::load_best_model() {
  const std::string stays = "; the model stays that of the last step";
  if (!state.best_model_checkpoint) {
    if (state.best_global_step)
      log::warning("load_best_model_at_end: there is no checkpoint of the best step, " +
                   std::to_string(*state.best_global_step) + stays);
    return;
  }
  const fs::path best = *state.best_model_checkpoint;
  const bool reads = group->rank() == 0;  // for all
  std::string damage;
  if (reads) try {
      check_checkpoint(best);
    } catch (const Error& e) {
      damage = e.sentence();
    }
  if (damage = group->broadcast(damage); !damage.empty()) {
    log::warning("load_best_model_at_end: " + damage + stays);
    state.best_model_checkpoint.reset();
    return;
  }
  log::info("loading the best model from " + best.string());
  if (reads) load_weights(model->module(), best / weights_file, model->saved_names());
  share_weights();
}

void Trainer::Impl::load_optimizer_and_scheduler(const fs::path& checkpoint) {
  const fs::path optimizer_path = checkpoint / optimizer_file, scheduler_path = checkpoint / scheduler_file;
  // As in transformers: both or neither. Without them the optimizer is fresh and the schedule starts at 0.
  if (!fs::exists(optimizer_path) || !fs::exists(scheduler_path)) {
    log::warning(checkpoint.string() + " holds no optimizer and scheduler; both start afresh");
    return;
  }
  try {
    optimizer->load_state_dict(read_torch_file(optimizer_path), optimizer_path.string());
    lr_scheduler->load_state_dict(read_torch_file(scheduler_path), scheduler_path.string());
    if (scaler && fs::exists(checkpoint / scaler_file)) load_scaler(*scaler, checkpoint / scaler_file);
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
}

}  // namespace trainer
