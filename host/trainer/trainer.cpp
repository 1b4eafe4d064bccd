// SPDX-License-Identifier: Apache-2.0
//
// The loop. Its order is the contract: docs/callbacks.md lists it, tests compare it with
// transformers.
#include "trainer/trainer.hpp"

#include <csignal>
#include <utility>

#include "base/directory_lock.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/checkpoint_saver.hpp"
#include "checkpoints/generator_state.hpp"
#include "data/failure.hpp"
#include "data/out_of_memory.hpp"
#include "run/plugins_lock.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/precision.hpp"
#include "trainer/speed_metrics.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/training_plan.hpp"
#include "trainer/training_run.hpp"

namespace trainer {

TrainOutput Trainer::train(const std::optional<std::filesystem::path>& resume_from_checkpoint) {
  return in_phase("train", state_.global_step, [&] { return train_from(resume_from_checkpoint); });
}

TrainOutput Trainer::train_from(const std::optional<std::filesystem::path>& resume_from_checkpoint) {
  if (!train_dataset_)
    throw_usage(error_id::data_missing,
                "train() needs a train dataset; give data.train, or TrainerOptions.train_dataset");
  lock_ = DirectoryLock::take(args_.output_dir);
  const auto training = lock_->begin_training();
  is_in_train_ = true;
  // Reset at the end, so that a signal that comes before the first line of this is not lost.
  struct Reset {
    std::atomic<bool>& flag;
    ~Reset() { flag = false; }
  } const reset{stop_requested_};
  std::optional<StopSignals> signals;
  if (args_.enable_jit_checkpoint) signals.emplace(*this, std::vector<int>{SIGTERM});
  remove_torn_checkpoints(args_.output_dir);
  std::optional<std::filesystem::path> checkpoint;
  if (resume_from_checkpoint) {
    checkpoint = in_phase("load", state_.global_step, [&] { return load_checkpoint(*resume_from_checkpoint); });
    if (args_.auto_find_batch_size) resume_batch_size(*checkpoint);
  }
  *run_identity_ = checkpoint ? resume_identity(*checkpoint) : RunIdentity::make();
  tell_foreign_checkpoints();
  if (state_.is_world_process_zero) {
    crash_report::set_directory(args_.output_dir);
    if (const auto crashed = crash_report::take(args_.output_dir); !crashed.empty()) log::warning(crashed);
    update_plugins_lock(args_.output_dir, handler_->entries(), checkpoint.has_value());
  }
  while (true) {
    try {
      return inner_training_loop(checkpoint);
    } catch (const std::exception& e) {
      if (!args_.auto_find_batch_size || !is_out_of_memory(e)) throw;
      train_batch_size_ = static_cast<std::int64_t>(static_cast<double>(train_batch_size_) * 0.9);
      if (train_batch_size_ == 0)
        throw_run(error_id::memory_exhausted,
                  "auto_find_batch_size: even a batch of 1 row does not fit: " +
                      as_error(std::current_exception(), error_id::memory_exhausted).sentence());
      log::warning("out of memory; starting again with per_device_train_batch_size " +
                   std::to_string(train_batch_size_));
    }
  }
}

TrainOutput Trainer::inner_training_loop(const std::optional<std::filesystem::path>& checkpoint) {
  train_dataloader_ = get_train_dataloader();
  const TrainingPlan plan = plan_training(args_, train_batch_size_, *train_dataloader_);
  const ResumePoint resume = init_training_state(plan, checkpoint);
  prepare_for_training(plan, resume);
  // After a training that ended well nothing is left to it.
  struct GiveUpSave {
    CheckpointSaver& saver;
    ~GiveUpSave() { saver.give_up(); }
  } const give_up{*saver_};
  run_ = std::make_unique<TrainingRun>(device_, state_);
  zero_grad();

  fire(TRAINER_ON_TRAIN_BEGIN);
  if (args_.eval_on_start) evaluate_in_training(false);
  for (std::int64_t epoch = resume.epochs_trained; epoch < plan.num_train_epochs; ++epoch) {
    fire(TRAINER_ON_EPOCH_BEGIN);
    run_epoch(epoch, plan, resume);
    if (control_.should_training_stop) break;
  }
  return finalize_training(plan);
}

void Trainer::run_epoch(std::int64_t epoch, const TrainingPlan& plan, const ResumePoint& resume) {
  const bool resumed = resume.checkpoint && epoch == resume.epochs_trained;
  const std::int64_t skip = resumed ? resume.steps_trained_in_current_epoch : 0;
  std::int64_t step = skip - 1;  // index of the micro-batch in the epoch
  bool restore_rng = resumed && skip > 0;
  if (resumed && skip == 0) load_rng_state(*resume.checkpoint);
  train_dataloader_->begin_epoch(epoch, skip);
  run_->last_update = {};
  const auto stop = [this] { return control_.should_epoch_stop || control_.should_training_stop; };

  std::vector<Batch> window;
  for (auto update = skip / plan.gradient_accumulation_steps; update < plan.num_update_steps_per_epoch; ++update) {
    run_->next_window(*train_dataloader_, plan.window_size(update), window);
    if (std::exchange(restore_rng, false)) load_rng_state(*resume.checkpoint);
    for (Batch& inputs : window) {
      if (++step % plan.gradient_accumulation_steps == 0) fire(TRAINER_ON_STEP_BEGIN);
      run_micro_batch(std::move(inputs));
      if (plan.ends_window(step)) {
        update_parameters();  // on_pre_optimizer_step and on_optimizer_step
        ++state_.global_step;
        state_.epoch =
            static_cast<double>(epoch) + static_cast<double>(step + 1) / static_cast<double>(plan.steps_in_epoch);
        fire(TRAINER_ON_STEP_END);
        obey_stop_request();
        maybe_log_save_evaluate();
        in_phase("checkpoint", state_.global_step, [&] { saver_->finish_if_written(); });
      } else {
        fire(TRAINER_ON_SUBSTEP_END);
      }
      if (stop()) break;
    }
    if (stop()) break;
  }
  if (step < 0) {
    log::warning("the train dataloader gave no batch; training stops at step " + std::to_string(state_.global_step));
    control_.should_training_stop = true;
  }
  fire(TRAINER_ON_EPOCH_END);
  maybe_log_save_evaluate();
}

void Trainer::run_micro_batch(Batch inputs) {
  track_input_tokens(inputs);
  current_flos_ = Number(current_flos_ + floating_point_ops(inputs));
  run_->add_loss(training_step(std::move(inputs)), args_.logging_nan_inf_filter, state_.global_step);
  tell_of_bad_loss(terminate_on_nan_);
}

void Trainer::tell_of_bad_loss(bool wait) {
  const auto step = run_->take_bad_step(wait);
  if (!step) return;
  const std::string found = "the loss of step " + std::to_string(*step) + " is NaN or infinite";
  if (terminate_on_nan_)
    throw_run(error_id::loss_not_finite,
              found +
                  ", and terminate_on_nan is set; the weights are those before that step, so lower learning_rate "
                  "or max_grad_norm, or look for such numbers in the data");
  log::warning(found + (args_.logging_nan_inf_filter ? ", and the logs leave it out (logging_nan_inf_filter)" : "") +
               "; later ones are not told; terminate_on_nan ends a run there");
}

void Trainer::obey_stop_request() {
  if (stop_requested_.load(std::memory_order_relaxed)) control_.should_training_stop = control_.should_save = 1;
}

void Trainer::update_parameters() {
  gradients_.clear();
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) gradients_.push_back(parameter.grad());
  if (scaler_) scaler_->unscale(gradients_);
  run_->last_update.grad_norm =
      gradients_.empty() ? at::zeros({}, device_) : clip_grad_norm(gradients_, args_.max_grad_norm);
  fire(TRAINER_ON_PRE_OPTIMIZER_STEP);
  const bool good = !scaler_ || scaler_->step_is_good();  // or gradients overflowed, and the step is skipped
  if (good) optimizer_->step();
  if (scaler_) scaler_->update();
  fire(TRAINER_ON_OPTIMIZER_STEP);
  run_->last_update.learning_rate = optimizer_->param_groups()[0].lr;
  if (good && !lr_scheduler_->metric_driven()) lr_scheduler_->step();
  zero_grad();
}

void Trainer::zero_grad() {
  for (auto& parameter : parameters_) parameter.mutable_grad().reset();
}

void Trainer::maybe_log_save_evaluate() {
  if (control_.should_log && state_.global_step > run_->last_logged_step()) {
    tell_of_bad_loss(true);
    json::object logs{{"loss", run_->take_mean_loss(state_.global_step)}};
    const auto& [grad_norm, learning_rate] = run_->last_update;
    if (grad_norm.defined()) logs.emplace("grad_norm", grad_norm.item<double>());
    // Without an update since the epoch's begin, the rate is that of the step to come.
    logs.emplace("learning_rate", learning_rate.value_or(optimizer_->param_groups()[0].lr).to_json());
    store_flos();
    log(logs, run_->seconds_since_start());
  }
  if (control_.should_evaluate) {
    const json::object metrics = evaluate_in_training(true);
    const bool is_new_best = determine_best_metric(metrics);
    if (args_.save_strategy == "best") control_.should_save = is_new_best;
    obey_stop_request();  // one that came while it evaluated
  }
  if (control_.should_save) in_phase("checkpoint", state_.global_step, [this] { save_checkpoint(); });
}

TrainOutput Trainer::finalize_training(const TrainingPlan& plan) {
  tell_of_bad_loss(true);
  in_phase("checkpoint", state_.global_step, [&] { saver_->finish(); });
  const double train_loss = run_->finish(state_.global_step);
  const auto steps = static_cast<double>(run_->steps(state_.global_step));
  const auto max_steps = static_cast<double>(std::max<std::int64_t>(state_.max_steps, 1));
  json::object metrics = speed_metrics("train", run_->seconds(), plan.num_train_samples * steps / max_steps, steps);
  store_flos();
  metrics.emplace("total_flos", state_.total_flos.to_json());
  metrics.emplace("train_loss", train_loss);
  log(metrics);

  forget_lost_best();
  if (args_.load_best_model_at_end) load_best_model();
  if (state_.best_model_checkpoint && args_.save_total_limit == 1)
    remove_checkpoints_except(args_.output_dir, *state_.best_model_checkpoint, *run_identity_);

  fire(TRAINER_ON_TRAIN_END);
  is_in_train_ = false;
  return {state_.global_step, train_loss, std::move(metrics)};
}

void Trainer::log(json::object& logs, std::optional<double> seconds_since_start) {
  logs.insert_or_assign("epoch", state_.epoch.to_json());
  if (args_.include_num_input_tokens_seen != "no") {
    logs.insert_or_assign("num_input_tokens_seen", state_.num_input_tokens_seen);
    if (seconds_since_start) {
      const auto before = run_ ? run_->initial_num_input_tokens_seen() : 0;
      const auto tokens = static_cast<double>(state_.num_input_tokens_seen - before);
      for (auto& entry : speed_metrics("train", *seconds_since_start, {}, {}, tokens))
        logs.insert_or_assign(entry.key(), std::move(entry.value()));
    }
  }
  json::object kept = logs;
  kept.insert_or_assign("step", state_.global_step);
  state_.log_history.push_back(std::move(kept));
  while (log_history_limit_ && std::ssize(state_.log_history) > *log_history_limit_) state_.log_history.pop_front();
  fire(TRAINER_ON_LOG, &logs);
}

void Trainer::fire(std::uint32_t event, json::object* values) { handler_->call_event(event, values); }

double Trainer::train_seconds() const { return run_ ? run_->seconds() : 0; }
std::int64_t Trainer::train_steps() const { return run_ ? run_->steps(state_.global_step) : 0; }
double Trainer::data_seconds() const { return run_ ? run_->data_seconds() : 0; }

}  // namespace trainer
