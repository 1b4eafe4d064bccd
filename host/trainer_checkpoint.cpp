// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what one holds, and how it comes back.
#include <ATen/ATen.h>
#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>

#include "checkpoint.hpp"
#include "precision.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/torch_file.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

c10::IValue scaler_state(const GradScaler& scaler) {
  c10::impl::GenericDict dict(c10::StringType::get(), c10::AnyType::get());
  dict.insert("scale", scaler.get_scale());
  dict.insert("growth_factor", GradScaler::growth_factor);
  dict.insert("backoff_factor", GradScaler::backoff_factor);
  dict.insert("growth_interval", GradScaler::growth_interval);
  dict.insert("_growth_tracker", scaler.growth_tracker());
  return dict;
}

void load_scaler(GradScaler& scaler, const fs::path& path) {
  const auto dict = read_torch_file(path).toGenericDict();
  scaler.load(dict.at("scale").toDouble(), dict.at("_growth_tracker").toInt());
}

}  // namespace

void Trainer::store_flos() {
  const bool whole = state_.total_flos.is_integer() && current_flos_.is_integer();
  const double sum = state_.total_flos + current_flos_;
  state_.total_flos = whole ? Number(static_cast<std::int64_t>(sum)) : Number(sum);
  current_flos_ = 0;
}

void Trainer::save_model(const fs::path& directory) const {
  fs::create_directories(directory);
  save_safetensors(directory / weights_file, state_dict(*model_.module));
  replace_file(directory / args_file, args_.to_json_string() + "\n");
}

void Trainer::save_checkpoint() {
  store_flos();
  const fs::path root = args_.output_dir;
  const fs::path directory = root / ("checkpoint-" + std::to_string(state_.global_step));
  if (args_.save_strategy != "no" && state_.best_global_step.value_or(0) != 0) {
    // The best one may be the very directory that is being written.
    const fs::path best = root / ("checkpoint-" + std::to_string(*state_.best_global_step));
    if (best == directory || fs::exists(best)) state_.best_model_checkpoint = best.string();
  }
  handler_.refresh_states(state_.stateful_callbacks);
  write_directory(directory, [&](const fs::path& to) {
    save_model(to);
    if (!args_.save_only_model) {
      write_torch_file(to / optimizer_file, optimizer_->state_dict());
      write_torch_file(to / scheduler_file, lr_scheduler_->state_dict());
      if (scaler_) write_torch_file(to / scaler_file, scaler_state(*scaler_));
      save_rng_state(to / rng_file);
    }
    state_.save_to_json(to / state_file);
  });
  if (args_.save_total_limit)
    rotate_checkpoints(root, *args_.save_total_limit, state_.best_model_checkpoint);
}

void Trainer::load_model(const fs::path& checkpoint) {
  const fs::path file = checkpoint / weights_file;
  NamedTensors stored;
  try {
    stored = load_safetensors(file);
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
  load_weights(*model_.module, stored, file.string());
}

void Trainer::load_best_model() {
  const fs::path best = *state_.best_model_checkpoint;
  if (!fs::exists(best / weights_file)) {
    log::warning("the best model's file " + (best / weights_file).string() +
                 " is gone; the model stays as it is");
    return;
  }
  log::info("loading the best model from " + best.string());
  load_model(best);
}

void Trainer::load_optimizer_and_scheduler(const fs::path& checkpoint) {
  const fs::path optimizer = checkpoint / optimizer_file, scheduler = checkpoint / scheduler_file;
  // As there: both or neither. Without them the optimizer is fresh and the schedule starts at 0.
  if (!fs::exists(optimizer) || !fs::exists(scheduler)) {
    log::warning(checkpoint.string() + " holds no optimizer and scheduler; both start anew");
    return;
  }
  try {
    optimizer_->load_state_dict(read_torch_file(optimizer), optimizer.string());
    lr_scheduler_->load_state_dict(read_torch_file(scheduler), scheduler.string());
    if (scaler_ && fs::exists(checkpoint / scaler_file))
      load_scaler(*scaler_, checkpoint / scaler_file);
  } catch (const Error& e) {
    throw_run(e.id(), e.sentence() + last_good_hint(checkpoint));
  }
}

}  // namespace trainer
