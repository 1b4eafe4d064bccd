// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer is made of, and what train() prepares before its first step.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/cuda.h>
#include <torch/nn/modules/normalization.h>
#include <torch/utils.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/terminal.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "checkpoints/checkpoint_writer.hpp"
#include "model/tensor_views.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/loss_sum.hpp"
#include "trainer/precision.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

TrainingArguments checked(TrainingArguments args) {
  args.finalize();
  // There, bars are off when the library's log is quiet; here they need a terminal to be drawn on.
  if (!args.disable_tqdm) args.disable_tqdm = !is_terminal(2);
  return args;
}

at::Device choose_device(const TrainingArguments& args) {
  return !args.use_cpu && torch::cuda::is_available() ? at::Device(at::kCUDA, 0) : at::Device(at::kCPU);
}

void apply_log_level(const std::string& name) {
  if (name == "detail" || name == "debug") log::set_level(log::Level::debug);
  if (name == "info") log::set_level(log::Level::info);
  if (name == "warning") log::set_level(log::Level::warning);
  if (name == "error" || name == "critical") log::set_level(log::Level::error);
}

// Settings of LibTorch that hold for the whole process, as there.
void apply_global_settings(const TrainingArguments& args, const at::Device& device) {
  auto& context = at::globalContext();
  if (args.full_determinism) {
    context.setDeterministicAlgorithms(true, false);
    context.setDeterministicCuDNN(true);
    context.setBenchmarkCuDNN(false);
  }
  if (args.tf32) {
    if (*args.tf32 && device.is_cpu())
      throw_usage(error_id::arguments_invalid,
                  "args.tf32 needs an Ampere or newer GPU, and none is used; leave it unset");
    context.setAllowTF32CuBLAS(*args.tf32);
    context.setAllowTF32CuDNN(*args.tf32);
  }
}

std::vector<NamedParameter> named_parameters(const torch::nn::Module& module) {
  std::vector<NamedParameter> out;
  const auto modules = module.named_modules();
  for (const auto& item : module.named_parameters()) {
    const auto dot = item.key().rfind('.');
    const auto* owner = dot == std::string::npos ? nullptr : modules.find(item.key().substr(0, dot));
    const bool in_norm = owner && (*owner)->as<torch::nn::LayerNorm>() != nullptr;
    out.push_back({item.key(), item.value(), in_norm});
  }
  return out;
}

}  // namespace

Trainer::Trainer(TrainerOptions options)
    : args_(checked(std::move(options.args))),
      model_(std::move(options.model)),
      train_dataset_(std::move(options.train_dataset)),
      eval_datasets_(std::move(options.eval_dataset)),
      compute_metrics_(std::move(options.compute_metrics)),
      log_history_limit_(options.log_history_limit),
      registry_(plugin_directories(options.plugin_dirs)),
      device_(choose_device(args_)),
      writer_(options.async_save ? std::make_unique<CheckpointWriter>() : nullptr),
      train_batch_size_(args_.per_device_train_batch_size),
      handler_(args_, state_, control_) {
  if (!model_.module || !model_.forward)
    throw_usage(error_id::model_unsupported,
                "TrainerOptions.model has no module or no forward; make it with trainer::supervised()");
  if (log_history_limit_ && *log_history_limit_ < 1)
    throw_usage(error_id::arguments_invalid, "TrainerOptions.log_history_limit is " +
                                                 std::to_string(*log_history_limit_) +
                                                 ", expected at least 1; leave it out to keep the whole history");
  if (args_.eval_strategy != "no" && eval_datasets_.empty())
    throw_usage(error_id::data_missing,
                "args.eval_strategy is \"" + args_.eval_strategy +
                    "\", but there is no eval dataset; give data.eval, or set eval_strategy to \"no\"");
  if (args_.fp16 && device_.is_cpu()) {
    // As accelerate has it; the flag stays in the arguments that trackers and checkpoints get.
    log::warning("args.fp16 has no effect on a CPU, and the run computes in float32; bf16 works there");
  }
  apply_log_level(args_.log_level);
  apply_global_settings(args_, device_);
  torch::manual_seed(static_cast<std::uint64_t>(args_.seed));
  model_.module->to(device_);
  parameters_ = model_.module->parameters();
  tensors_ = std::make_unique<TensorViews>(*model_.module);
  context_ = {&args_,
              &state_,
              model_.config.empty() ? "" : json::dump(model_.config, {.indent = 2, .sort_keys = true}) + "\n",
              tensors_.get(),
              false,
              [this](const std::filesystem::path& directory) { save_model_for_plugin(directory); }};
  require_writable_directory(args_.output_dir, "output_dir");
  registry_.leave_out(options.without);
  handler_.set_recorder(options.recorder);
  add_initial_callbacks(options);
  state_.stateful_callbacks = handler_.collect_states();
  fire(TRAINER_ON_INIT_END);
}

Trainer::~Trainer() = default;

void Trainer::add_initial_callbacks(const TrainerOptions& options) {
  handler_.add(native_entry(std::make_shared<DefaultFlowCallback>()));
  add_callbacks(handler_, args_.report_to, OnError::disable, options.callbacks, registry_, context_);
  if (*args_.disable_tqdm)
    handler_.add(native_entry(std::make_shared<PrinterCallback>(options.quiet)));
  else if (!options.quiet)
    handler_.add(make_progress_entry());
  std::string order;
  for (const auto& entry : handler_.entries()) order += (order.empty() ? "" : ", ") + entry->name;
  log::info("callbacks in order: " + order);
}

std::shared_ptr<CallbackEntry> Trainer::pop_callback(const TrainerCallback& callback) {
  for (const auto& entry : handler_.entries())
    if (entry->native() == &callback) return handler_.pop(entry.get());
  return nullptr;
}

std::shared_ptr<CallbackEntry> Trainer::pop_callback(std::string_view name) {
  for (const auto& entry : handler_.entries())
    if (entry->name == name || entry->class_name == name) return handler_.pop(entry.get());
  return nullptr;
}

void Trainer::remove_callback(const TrainerCallback& callback) {
  if (!pop_callback(callback))
    throw_usage(error_id::callback_invalid,
                "remove_callback: this " + class_name_of(typeid(callback)) + " is not among the trainer's callbacks");
}

// transformers' set_initial_training_values.
Trainer::Plan Trainer::plan_training(const DataLoader& loader) const {
  const std::int64_t batches = loader.size();
  const std::int64_t accumulation = args_.gradient_accumulation_steps;
  const auto rows_a_step = static_cast<double>(train_batch_size_ * accumulation);
  if (batches == 0)
    throw_usage(error_id::data_invalid,
                "the train dataset of " + std::to_string(loader.num_examples()) + " rows gives no batch of " +
                    std::to_string(train_batch_size_) +
                    "; make per_device_train_batch_size smaller or set dataloader_drop_last to false");
  Plan plan{};
  plan.steps_in_epoch = batches;
  plan.num_update_steps_per_epoch = (batches + accumulation - 1) / accumulation;
  if (args_.max_steps < 0) {
    plan.max_steps = static_cast<std::int64_t>(
        std::ceil(args_.num_train_epochs * static_cast<double>(plan.num_update_steps_per_epoch)));
  } else {
    plan.max_steps = args_.max_steps;
  }
  if (args_.max_steps > 0) {
    plan.num_train_epochs = (plan.max_steps + plan.num_update_steps_per_epoch - 1) / plan.num_update_steps_per_epoch;
    plan.num_train_samples = static_cast<double>(plan.max_steps) * rows_a_step;
  } else {
    plan.num_train_epochs = static_cast<std::int64_t>(std::ceil(args_.num_train_epochs));
    plan.num_train_samples = static_cast<double>(loader.num_examples()) * args_.num_train_epochs;
  }
  return plan;
}

Trainer::Resume Trainer::init_training_state(const Plan& plan, const std::optional<std::filesystem::path>& checkpoint) {
  Resume resume{checkpoint};
  state_ = TrainerState{};
  state_.stateful_callbacks = handler_.collect_states();
  state_.train_batch_size = train_batch_size_;
  state_.compute_steps(args_, plan.max_steps);
  if (checkpoint && std::filesystem::exists(*checkpoint / state_file)) {
    const TrainerState given = std::move(state_);
    try {
      state_ = TrainerState::load_from_json(*checkpoint / state_file);
    } catch (const Error& e) {
      throw_run(e.id(), e.sentence() + last_good_hint(*checkpoint));
    }
    if (state_.best_model_checkpoint && !std::filesystem::is_directory(*state_.best_model_checkpoint)) {
      log::warning("the best checkpoint " + *state_.best_model_checkpoint +
                   ", which the resumed state names, is gone; it is forgotten");
      state_.best_model_checkpoint.reset();
    }
    warn_of_changed_steps(given);
    if (args_.restore_callback_states_from_checkpoint) handler_.restore_states(json::object(state_.stateful_callbacks));
    resume.epochs_trained = state_.global_step / plan.num_update_steps_per_epoch;
    if (!args_.ignore_data_skip)
      resume.steps_trained_in_current_epoch =
          state_.global_step % plan.num_update_steps_per_epoch * args_.gradient_accumulation_steps;
  }
  state_.max_steps = plan.max_steps;
  state_.num_train_epochs = plan.num_train_epochs;
  state_.is_local_process_zero = state_.is_world_process_zero = true;
  state_.trial_name.reset();
  state_.trial_params = nullptr;
  return resume;
}

void Trainer::warn_of_changed_steps(const TrainerState& given) const {
  auto compare = [](const char* name, double now, double stored) {
    if (now == stored) return;
    log::warning(std::string(name) + " is " + json::repr(now) + " in the arguments, but " + json::repr(stored) +
                 " in the checkpoint, whose value is used");
  };
  compare("logging_steps", given.logging_steps, state_.logging_steps);
  compare("eval_steps", given.eval_steps, state_.eval_steps);
  compare("save_steps", given.save_steps, state_.save_steps);
  if (state_.train_batch_size && *state_.train_batch_size != train_batch_size_)
    log::warning("per_device_train_batch_size is " + std::to_string(train_batch_size_) + " in the arguments, but " +
                 std::to_string(*state_.train_batch_size) +
                 " in the checkpoint; data already seen may come again or be left out");
}

void Trainer::prepare_for_training(const Plan& plan, const Resume& resume) {
  if (!optimizer_) optimizer_ = create_optimizer();
  lr_scheduler_ = create_scheduler(*optimizer_, plan.max_steps);
  scaler_ = args_.fp16 && !device_.is_cpu() ? std::make_unique<GradScaler>(device_) : nullptr;
  tensors_->set_optimizer(optimizer_.get());
  prepared_ = true;
  if (resume.checkpoint) load_optimizer_and_scheduler(*resume.checkpoint);
  handler_.has |= TRAINER_HAS_OPTIMIZER | TRAINER_HAS_LR_SCHEDULER | TRAINER_HAS_TRAIN_DATALOADER;
}

std::unique_ptr<Optimizer> Trainer::create_optimizer() {
  OptimizerSettings settings;
  settings.learning_rate = args_.learning_rate;
  settings.adam_beta1 = args_.adam_beta1;
  settings.adam_beta2 = args_.adam_beta2;
  settings.adam_epsilon = args_.adam_epsilon;
  settings.optim_args = args_.optim_args.value_or("");
  return make_optimizer(args_.optim, parameter_groups(named_parameters(*model_.module), args_.weight_decay), settings);
}

std::unique_ptr<LRScheduler> Trainer::create_scheduler(Optimizer& optimizer, std::int64_t num_training_steps) {
  return make_scheduler(args_.lr_scheduler_type, optimizer, args_.get_warmup_steps(num_training_steps),
                        num_training_steps, args_.lr_scheduler_kwargs);
}

DataLoader::Options Trainer::loader_options(std::int64_t batch_size) const {
  return {.batch_size = batch_size,
          .drop_last = args_.dataloader_drop_last,
          .num_workers = args_.dataloader_num_workers,
          .prefetch_factor = args_.dataloader_prefetch_factor.value_or(2),
          .pin_memory = args_.dataloader_pin_memory && !device_.is_cpu()};
}

std::unique_ptr<DataLoader> Trainer::get_train_dataloader() {
  // transformers takes the seed that the default generator was last given, which is args.seed
  // unless the program seeded it again.
  const std::uint64_t seed = args_.data_seed ? static_cast<std::uint64_t>(*args_.data_seed)
                                             : at::detail::getDefaultCPUGenerator().current_seed();
  auto options = loader_options(train_batch_size_);
  options.shuffle = args_.train_sampling_strategy == "random";
  options.seed = seed;
  return std::make_unique<DataLoader>(train_dataset_, options);
}

std::unique_ptr<DataLoader> Trainer::get_eval_dataloader(const std::shared_ptr<Dataset>& dataset) {
  return std::make_unique<DataLoader>(dataset, loader_options(args_.per_device_eval_batch_size));
}

std::unique_ptr<DataLoader> Trainer::get_test_dataloader(const std::shared_ptr<Dataset>& dataset) {
  return get_eval_dataloader(dataset);
}

Batch Trainer::to_device(Batch batch) const {
  if (!device_.is_cpu())
    for (auto& entry : batch) entry.second = entry.second.to(device_, /*non_blocking=*/true);
  return batch;
}

double Trainer::seconds_since(Clock::time_point start) const {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace trainer
