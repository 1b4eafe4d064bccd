// SPDX-License-Identifier: Apache-2.0
//
// The loop. Its order is the contract: docs/callbacks.md lists it, tests compare it with
// transformers.
#include "trainer/trainer.hpp"

#include <torch/utils.h>

#include <csignal>
#include <utility>

#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/generator_state.hpp"
#include "data/failure.hpp"
#include "data/out_of_memory.hpp"
#include "run/plugins_lock.hpp"
#include "trainer/compiled_training.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/speed_metrics.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {

TrainOutput Trainer::train(const std::optional<std::filesystem::path>& resume_from_checkpoint) {
  const std::int64_t& step = impl_->state.global_step;
  std::optional<TrainOutput> out;
  impl_->counted = false;
  try {
    out = in_phase("train", step, [&] { return impl_->train_from(resume_from_checkpoint); });
  } catch (const Error& e) {
    impl_->end_training(&e);
    throw;
  }
  in_phase("train", step, [&] { impl_->end_training(nullptr); });
  return std::move(*out);
}

TrainOutput Trainer::Impl::train_from(const std::optional<std::filesystem::path>& resume_from_checkpoint) {
  if (!train_dataset)
    throw_usage(error_id::data_missing,
                "train() needs a train dataset; give data.train, or TrainerOptions.train_dataset");
  std::shared_ptr<void> training;
  if (writes_files()) {
    lock = DirectoryLock::take(args.output_dir);
    training = lock->begin_training();
  }
  is_in_train = true;
  // Reset at the end, so that a signal that comes before the first line of this is not lost.
  struct Reset {
    std::atomic<bool>& flag;
    CallbackHandler& handler;
    ~Reset() { flag = false, handler.drop_stop_requests(); }
  } const reset{stop_requested, *handler};
  std::optional<StopSignals> signals;
  if (args.enable_jit_checkpoint) signals.emplace(self, std::vector<int>{SIGTERM});
  if (model_init) {
    torch::manual_seed(static_cast<std::uint64_t>(args.seed));
    set_model(model_init());
    tensors->set_optimizer(nullptr);
    handler->objects().lr_scheduler = nullptr;
    handler->objects().optimizer = nullptr;
    lr_scheduler.reset();
    optimizer.reset();
  }
  if (writes_files()) remove_torn_checkpoints(args.output_dir);
  std::optional<std::filesystem::path> checkpoint;
  if (resume_from_checkpoint) {
    checkpoint = in_phase("load", state.global_step, [&] { return load_checkpoint(*resume_from_checkpoint); });
    if (args.auto_find_batch_size) resume_batch_size(*checkpoint);
  }
  *run_identity = checkpoint ? resume_identity(*checkpoint) : RunIdentity::make();
  run_identity->id = group->broadcast(run_identity->id);
  if (group->rank() == 0) group->remember("run", run_identity->id);
  if (writes_files()) {
    tell_foreign_checkpoints();
    crash_report::set_directory(args.output_dir);
    if (const auto crashed = crash_report::take(args.output_dir); !crashed.empty()) log::warning(crashed);
    update_plugins_lock(args.output_dir, handler->entries(), checkpoint.has_value());
  }
  while (true) {
    try {
      return inner_training_loop(checkpoint);
    } catch (const std::exception& e) {
      if (!args.auto_find_batch_size || !is_out_of_memory(e)) throw;
      train_batch_size = static_cast<std::int64_t>(static_cast<double>(train_batch_size) * 0.9);
      if (train_batch_size == 0)
        throw_run(error_id::memory_exhausted,
                  "auto_find_batch_size: even a batch of 1 row does not fit: " +
                      as_error(std::current_exception(), error_id::memory_exhausted).sentence());
      log::warning("out of memory; starting again with per_device_train_batch_size " +
                   std::to_string(train_batch_size));
    }
  }
}

TrainOutput Trainer::Impl::inner_training_loop(const std::optional<std::filesystem::path>& checkpoint) {
  handler->objects().train_dataloader = nullptr;
  handler->objects().train_dataloader_size = -1;
  train_dataloader = made(self.get_train_dataloader(), "get_train_dataloader()");
  const TrainingPlan plan = plan_training(args, train_batch_size, *train_dataloader, group->world());
  const ResumePoint resume = init_training_state(plan, checkpoint);
  prepare_for_training(plan, resume);
  // After a training that ended well nothing is left to it.
  struct GiveUpSave {
    CheckpointSaver& saver;
    ~GiveUpSave() { saver.give_up(); }
  } const give_up{*saver};
  run = std::make_unique<TrainingRun>(device, state);
  zero_grad();

  handler->forget_stop();
  begin_agreement();
  fire(TRAINER_ON_TRAIN_BEGIN);
  refuse_gradient_readers();
  if (args.eval_on_start) evaluate_in_training(false);
  for (std::int64_t epoch = resume.epochs_trained; epoch < plan.num_train_epochs; ++epoch) {
    fire(TRAINER_ON_EPOCH_BEGIN);
    agree();  // on what on_train_begin and a first evaluation have set, too
    run_epoch(epoch, plan, resume);
    if (control.should_training_stop) break;
  }
  if (compiled) compiled->tell_of_interpreted();
  return finalize_training(plan);
}

void Trainer::Impl::run_epoch(std::int64_t epoch, const TrainingPlan& plan, const ResumePoint& resume) {
  const bool resumed = resume.checkpoint && epoch == resume.epochs_trained;
  const std::int64_t skip = resumed ? resume.steps_trained_in_current_epoch : 0;
  std::int64_t step = skip - 1;  // index of the micro-batch in the epoch
  bool restore_rng = resumed && skip > 0;
  if (resumed && skip == 0) load_rng_state(*resume.checkpoint, group->ranks());
  if (resumed && skip > 0) load_order(*resume.checkpoint, epoch);
  rng_state_at_epoch = cpu_rng_state();
  train_dataloader->begin_epoch(epoch, skip);
  run->last_update = {};
  const auto stop = [this] { return control.should_epoch_stop || control.should_training_stop; };

  std::vector<Batch> window;
  for (auto update = skip / plan.gradient_accumulation_steps; update < plan.num_update_steps_per_epoch; ++update) {
    run->next_window(*train_dataloader, plan.window_size(update), window);
    if (std::exchange(restore_rng, false)) load_rng_state(*resume.checkpoint, group->ranks());
    if (window.empty()) break;
    const at::Tensor num_items = num_items_in_batch(window);
    for (Batch& inputs : window) {
      if (++step % plan.gradient_accumulation_steps == 0) fire(TRAINER_ON_STEP_BEGIN);
      run_micro_batch(std::move(inputs), num_items, plan.ends_window(step));
      if (plan.ends_window(step)) {
        update_parameters();  // on_pre_optimizer_step and on_optimizer_step
        ++state.global_step;
        state.epoch =
            static_cast<double>(epoch) + static_cast<double>(step + 1) / static_cast<double>(plan.steps_in_epoch);
        fire(TRAINER_ON_STEP_END);
        agree_after_step();
        obey_stop_request();
        maybe_log_save_evaluate();
        if (in_phase("checkpoint", state.global_step, [&] { return saver->finish_if_written(); })) agree();
      } else {
        fire(TRAINER_ON_SUBSTEP_END);
        agree_after_substep();
      }
      if (stop()) break;
    }
    if (stop()) break;
  }
  if (step < 0) {
    if (state.global_step == 0)
      throw_usage(error_id::data_invalid,
                  "the train dataset gave no row, and training needs at least one; see what should have given them");
    log::warning("the train dataloader gave no batch; training stops at step " + std::to_string(state.global_step));
    control.should_training_stop = true;
  } else if (step + 1 < plan.gradient_accumulation_steps && !plan.ends_window(step) && !stop()) {
    throw_usage(error_id::data_invalid, "an epoch of the train dataset has " + std::to_string(step + 1) +
                                            " batches, fewer than the gradient_accumulation_steps of " +
                                            std::to_string(plan.gradient_accumulation_steps) +
                                            ", so training would never make a step; give it more rows");
  }
  fire(TRAINER_ON_EPOCH_END);
  agree();
  maybe_log_save_evaluate();
}

// The epoch's order may follow from the generator, whose state transformers does not keep.
void Trainer::Impl::load_order(const std::filesystem::path& checkpoint, std::int64_t epoch) {
  if (!load_rng_state_at_epoch(checkpoint, group->ranks()) && epoch > 0 &&
      args.train_sampling_strategy == "group_by_length")
    log::warning(checkpoint.string() + " does not hold the order of its epoch, so a new one is drawn: some rows come " +
                 "twice, and others not at all; a checkpoint at the end of an epoch resumes exactly");
}

void Trainer::Impl::run_micro_batch(Batch inputs, const at::Tensor& num_items, bool ends_window) {
  track_input_tokens(inputs);
  const double flos = self.floating_point_ops(inputs);
  if (!(flos >= 0 && std::isfinite(flos)))
    throw_run(error_id::model_failed, "floating_point_ops() gave " + json::repr(flos) +
                                          ", which no checkpoint can hold; expected a number from 0");
  current_flos = Number(current_flos + flos);
  if (hold_for_update(inputs, num_items)) return;
  before_micro_batch(ends_window);
  const at::Tensor loss = self.training_step(std::move(inputs), num_items);
  after_micro_batch();
  run->add_loss(loss, args.logging_nan_inf_filter, state.global_step);
  tell_of_bad_loss(terminate_on_nan);
}

void Trainer::Impl::tell_of_bad_loss(bool wait) {
  const auto step = run->take_bad_step(wait);
  if (!step) return;
  const std::string found = "the loss of step " + std::to_string(*step) + " is NaN or infinite";
  if (terminate_on_nan)
    throw_run(error_id::loss_not_finite,
              found +
                  ", and terminate_on_nan is set; the weights are those before that step, so lower learning_rate "
                  "or max_grad_norm, or look for such numbers in the data");
  log::warning(found + (args.logging_nan_inf_filter ? ", and the logs leave it out (logging_nan_inf_filter)" : "") +
               "; later ones are not reported; terminate_on_nan ends a run there");
}

void Trainer::Impl::update_parameters() {
  if (!held_batch.empty()) return update_in_one_call();
  gradients.clear();
  for (const auto& parameter : parameters)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (scaler) scaler->unscale(gradients);
  run->last_update.grad_norm =
      gradients.empty() ? at::zeros({}, device) : clip_grad_norm(gradients, args.max_grad_norm);
  fire(TRAINER_ON_PRE_OPTIMIZER_STEP);
  agree_on_rates();
  // Where gradients overflowed the step is skipped. A fused optimizer does so on the device, and as in transformers the
  // schedule, which nobody has asked the device for, goes on.
  const bool fused = scaler && optimizer->step_unless(scaler->found_inf());
  const bool good = fused || !scaler || scaler->step_is_good();
  if (good && !fused) optimizer->step();
  if (scaler) scaler->update();
  fire(TRAINER_ON_OPTIMIZER_STEP);
  run->last_update.learning_rate = optimizer->param_groups()[0].lr;
  if (good && !lr_scheduler->metric_driven()) lr_scheduler->step();
  zero_grad();
}

void Trainer::Impl::zero_grad() {
  for (auto& parameter : parameters) parameter.mutable_grad().reset();
}

void Trainer::Impl::maybe_log_save_evaluate() {
  if (control.should_log && state.global_step > run->last_logged_step()) {
    tell_of_bad_loss(true);
    json::object logs{
        {"loss", run->take_mean_loss(state.global_step, [this](double loss) { return mean_over_ranks(loss); })}};
    const auto& [grad_norm, learning_rate] = run->last_update;
    if (grad_norm.defined()) logs.emplace("grad_norm", grad_norm.item<double>());
    // Without an update since the epoch's begin, the rate is that of the step to come.
    logs.emplace("learning_rate", learning_rate.value_or(optimizer->param_groups()[0].lr).to_json());
    store_flos();
    self.log(logs, run->seconds_since_start());
    agree();
  }
  if (control.should_evaluate) {
    const json::object metrics = evaluate_in_training(true);
    agree();
    const bool is_new_best = determine_best_metric(metrics);
    if (args.save_strategy == "best") control.should_save = is_new_best;
    obey_stop_request();  // one that came while it evaluated
  }
  if (control.should_save) {
    in_phase("checkpoint", state.global_step, [this] { save_checkpoint(); });
    agree();
  }
}

TrainOutput Trainer::Impl::finalize_training(const TrainingPlan& plan) {
  tell_of_bad_loss(true);
  in_phase("checkpoint", state.global_step, [&] { saver->finish(); });
  const double train_loss = run->finish(state.global_step);
  const auto steps = static_cast<double>(run->steps(state.global_step));
  const auto max_steps = static_cast<double>(std::max<std::int64_t>(state.max_steps, 1));
  json::object metrics = speed_metrics("train", run->seconds(), plan.num_train_samples * steps / max_steps, steps);
  store_flos();
  metrics.emplace("total_flos", state.total_flos.to_json());
  metrics.emplace("train_loss", train_loss);
  self.log(metrics);

  forget_lost_best();
  if (args.load_best_model_at_end) load_best_model();
  if (state.best_model_checkpoint && args.save_total_limit == 1 && writes_files())
    remove_checkpoints_except(args.output_dir, *state.best_model_checkpoint, *run_identity);

  fire(TRAINER_ON_TRAIN_END);
  is_in_train = false;
  outcome = how_it_ended();
  return {state.global_step, train_loss, std::move(metrics)};
}

void Trainer::log(json::object& logs, std::optional<double> seconds_since_start) {
  logs.insert_or_assign("epoch", impl_->state.epoch.to_json());
  if (impl_->args.include_num_input_tokens_seen != "no") {
    logs.insert_or_assign("num_input_tokens_seen", impl_->state.num_input_tokens_seen);
    if (seconds_since_start) {
      const auto before = impl_->run ? impl_->run->initial_num_input_tokens_seen() : 0;
      const auto tokens = static_cast<double>(impl_->state.num_input_tokens_seen - before);
      for (auto& entry : speed_metrics("train", *seconds_since_start, {}, {}, tokens))
        logs.insert_or_assign(entry.key(), std::move(entry.value()));
    }
  }
  json::object kept = logs;
  kept.insert_or_assign("step", impl_->state.global_step);
  impl_->state.log_history.push_back(std::move(kept));
  while (impl_->log_history_limit && std::ssize(impl_->state.log_history) > *impl_->log_history_limit)
    impl_->state.log_history.pop_front();
  impl_->fire(TRAINER_ON_LOG, &logs);
}

void Trainer::Impl::fire(std::uint32_t event, json::object* values) { handler->call_event(event, values); }

void Trainer::fire(std::uint32_t event, json::object* values) { impl_->fire(event, values); }
void Trainer::request_stop() noexcept { impl_->stop_requested.store(true, std::memory_order_relaxed); }

double Trainer::train_seconds() const { return impl_->run ? impl_->run->seconds() : 0; }
std::int64_t Trainer::train_steps() const { return impl_->run ? impl_->run->steps(impl_->state.global_step) : 0; }
double Trainer::data_seconds() const { return impl_->run ? impl_->run->data_seconds() : 0; }

}  // namespace trainer
