// SPDX-License-Identifier: Apache-2.0
//
// Checkpoints: what one holds, and how it comes back.
#include <ATen/ATen.h>
#include <ATen/core/Dict.h>
#include <ATen/core/ivalue.h>

#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/checkpoint_writer.hpp"
#include "formats/python_value.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/precision.hpp"
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

// Copies into memory that training does not change.
void copy_contents(const CheckpointContents& from, CheckpointContents& to) {
  const at::NoGradGuard no_grad;
  to.weights.resize(from.weights.size());
  for (std::size_t i = 0; i < from.weights.size(); ++i) {
    const auto& [name, tensor] = from.weights[i];
    at::Tensor& copy = to.weights[i].second;
    to.weights[i].first = name;
    if (!copy.defined() || copy.scalar_type() != tensor.scalar_type() || copy.sizes() != tensor.sizes())
      copy = at::empty(tensor.sizes(), at::TensorOptions(tensor.scalar_type()));
    copy.copy_(tensor);
  }
  to.optimizer = python::to_cpu(from.optimizer, &to.optimizer);
  to.scheduler = python::to_cpu(from.scheduler, &to.scheduler);
  to.scaler = python::to_cpu(from.scaler, &to.scaler);
  to.args = from.args;
  to.rng = from.rng;
}

void write_contents(const fs::path& to, const CheckpointContents& what, const TrainerState& state) {
  save_safetensors(to / weights_file, what.weights);
  replace_file(to / args_file, what.args);
  if (!what.optimizer.isNone()) write_torch_file(to / optimizer_file, what.optimizer);
  if (!what.scheduler.isNone()) write_torch_file(to / scheduler_file, what.scheduler);
  if (!what.scaler.isNone()) write_torch_file(to / scaler_file, what.scaler);
  if (!what.rng.empty()) save_safetensors(to / rng_file, what.rng);
  state.save_to_json(to / state_file);
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

// With async_save the model has gone on when on_save is fired; the plugin is given what was saved.
void Trainer::save_model_for_plugin(const fs::path& directory) const {
  if (!announced_) return save_model(directory);
  fs::create_directories(directory);
  for (const char* file : {weights_file, args_file})
    fs::copy_file(*announced_ / file, directory / file, fs::copy_options::overwrite_existing);
}

void Trainer::save_checkpoint() {
  finish_save();
  store_flos();
  const fs::path root = args_.output_dir;
  const fs::path directory = root / ("checkpoint-" + std::to_string(state_.global_step));
  if (args_.save_strategy != "no" && state_.best_global_step.value_or(0) != 0) {
    // The best one may be the very directory that is being written.
    const fs::path best = root / ("checkpoint-" + std::to_string(*state_.best_global_step));
    if (best == directory || fs::exists(best)) state_.best_model_checkpoint = best.string();
  }
  handler_.refresh_states(state_.stateful_callbacks);
  CheckpointContents contents{state_dict(*model_.module), args_.to_json_string() + "\n", {}, {}, {}, {}};
  if (!args_.save_only_model) {
    contents.optimizer = optimizer_->state_dict();
    contents.scheduler = lr_scheduler_->state_dict();
    if (scaler_) contents.scaler = scaler_state(*scaler_);
    contents.rng = rng_state();
  }
  const auto limit = args_.save_total_limit;
  const auto write = [=](const CheckpointContents& what, const TrainerState& state) {
    write_directory(directory, [&](const fs::path& to) { write_contents(to, what, state); });
    if (limit) rotate_checkpoints(root, *limit, state.best_model_checkpoint);
  };
  if (!writer_) {
    write(contents, state_);
    return fire(TRAINER_ON_SAVE);
  }
  copy_contents(contents, writer_->copies);
  pending_save_ = {directory, state_.global_step, state_.epoch};
  writer_->start([write, &copies = writer_->copies, state = state_] { write(copies, state); });
  control_.should_save = 0;  // as on_save will; until then it would ask for the same again
}

void Trainer::finish_save() {
  if (!writer_ || !writer_->pending()) return;
  writer_->wait();
  // Callbacks see the step that was saved, because trackers name the checkpoint by it.
  struct Announcement {
    Trainer& trainer;
    std::int64_t step = std::exchange(trainer.state_.global_step, trainer.pending_save_.global_step);
    Number epoch = std::exchange(trainer.state_.epoch, trainer.pending_save_.epoch);
    std::uint32_t should_save = trainer.control_.should_save;
    explicit Announcement(Trainer& t) : trainer(t) { t.announced_ = &t.pending_save_.directory; }
    ~Announcement() {
      trainer.announced_ = nullptr;
      trainer.state_.global_step = step;
      trainer.state_.epoch = epoch;
      trainer.control_.should_save |= should_save;  // asked for since, and another checkpoint
    }
  } const announcement(*this);
  fire(TRAINER_ON_SAVE);
}

void Trainer::give_up_save() noexcept try {
  if (writer_ && writer_->pending()) writer_->wait();
} catch (const std::exception& e) {
  log::warning(std::string("the checkpoint that was being written is lost: ") + e.what());
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
  // As there: both or neither. Without them the optimizer is fresh and the schedule starts at 0.
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
