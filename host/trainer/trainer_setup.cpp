// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer is made of, and what train() prepares before its first step.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/utils.h>

#include "base/directory_lock.hpp"
#include "base/terminal.hpp"
#include "checkpoints/checkpoint_check.hpp"
#include "checkpoints/checkpoint_saver.hpp"
#include "model/tensor_views.hpp"
#include "optimizers/parameter_groups.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/device.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/plugin_registry.hpp"
#include "trainer/precision.hpp"
#include "trainer/trainer.hpp"
#include "trainer/training_plan.hpp"
#include "trainer/training_run.hpp"

namespace trainer {
namespace {

TrainingArguments checked(TrainingArguments args) {
  args.finalize();
  // In transformers, bars are off when the library's log is quiet; here they need a terminal to be drawn on.
  if (!args.disable_tqdm) args.disable_tqdm = !is_terminal(2);
  return args;
}

void apply_log_level(const std::string& name) {
  if (name == "detail" || name == "debug") log::set_level(log::Level::debug);
  if (name == "info") log::set_level(log::Level::info);
  if (name == "warning") log::set_level(log::Level::warning);
  if (name == "error" || name == "critical") log::set_level(log::Level::error);
}

void check(const Model& model, const std::optional<std::int64_t>& log_history_limit) {
  if (!model.module || !model.forward)
    throw_usage(error_id::model_unsupported,
                "TrainerOptions.model has no module or no forward; make it with trainer::supervised()");
  if (log_history_limit && *log_history_limit < 1)
    throw_usage(error_id::arguments_invalid, "TrainerOptions.log_history_limit is " +
                                                 std::to_string(*log_history_limit) +
                                                 ", expected at least 1; leave it out to keep the whole history");
}

void check(const EvalDatasets& sets, const std::string& eval_strategy) {
  if (eval_strategy != "no" && sets.empty())
    throw_usage(error_id::data_missing,
                "args.eval_strategy is \"" + eval_strategy +
                    "\", but there is no eval dataset; give data.eval, or set eval_strategy to \"no\"");
}

// A resumed run has the checkpoint's numbers of steps; `given` are those of the arguments.
void warn_of_changed_steps(const TrainerState& given, const TrainerState& stored, std::int64_t train_batch_size) {
  auto compare = [](const char* name, double now, double before) {
    if (now == before) return;
    log::warning(std::string(name) + " is " + json::repr(now) + " in the arguments, but " + json::repr(before) +
                 " in the checkpoint, whose value is used");
  };
  compare("logging_steps", given.logging_steps, stored.logging_steps);
  compare("eval_steps", given.eval_steps, stored.eval_steps);
  compare("save_steps", given.save_steps, stored.save_steps);
  if (stored.train_batch_size && *stored.train_batch_size != train_batch_size)
    log::warning("per_device_train_batch_size is " + std::to_string(train_batch_size) + " in the arguments, but " +
                 std::to_string(*stored.train_batch_size) +
                 " in the checkpoint; data already seen may come again or be left out");
}

}  // namespace

void EvalDatasets::add(std::string name, std::shared_ptr<Dataset> set) {
  const std::string where = "TrainerOptions.eval_dataset (data.eval)";
  if (name.empty() || (!sets_.empty() && !named()))
    throw_usage(error_id::data_invalid, where +
                                            " has a set without a name among several, whose metrics would be "
                                            "another's; name them all, or give one set alone");
  for (const auto& [other, present] : sets_)
    if (other == name)
      throw_usage(error_id::data_invalid, where + " has two sets named \"" + name + "\"; give each its own name");
  sets_.emplace_back(std::move(name), std::move(set));
}

Trainer::Trainer(TrainerOptions options) try
    : args_(checked(std::move(options.args))),
      model_(std::move(options.model)),
      train_dataset_(std::move(options.train_dataset)),
      eval_datasets_(std::move(options.eval_dataset)),
      compute_metrics_(std::move(options.compute_metrics)),
      log_history_limit_(options.log_history_limit),
      terminate_on_nan_(options.terminate_on_nan),
      device_(choose_device(args_)),
      train_batch_size_(args_.per_device_train_batch_size),
      handler_(std::make_unique<CallbackHandler>(args_, state_, control_)) {
  PluginRegistry registry(plugin_directories(options.plugin_dirs));
  registry.leave_out(options.without);
  check(model_, log_history_limit_);
  check(eval_datasets_, train_dataset_ ? args_.eval_strategy : "no");
  if (args_.fp16 && device_.is_cpu()) {
    // As accelerate has it; the flag stays in the arguments that trackers and checkpoints get.
    log::warning("args.fp16 has no effect on a CPU, and the run computes in float32; bf16 works there");
  }
  apply_log_level(args_.log_level);
  apply_global_settings(args_, device_);
  torch::manual_seed(static_cast<std::uint64_t>(args_.seed));
  model_.module->to(device_);
  for (const auto& parameter : named_parameters(*model_.module)) parameters_.push_back(parameter.tensor);
  tensors_ = std::make_unique<TensorViews>(*model_.module);
  run_identity_ = std::make_unique<RunIdentity>();
  saver_ = std::make_unique<CheckpointSaver>(state_, control_, [this] { fire(TRAINER_ON_SAVE); }, options.async_save);
  const auto& config = model_.config;
  context_ = std::make_unique<HostContext>(HostContext{
      .args = &args_,
      .state = &state_,
      .model_config_json = config.empty() ? "" : json::dump(config, {.indent = 2, .sort_keys = true}) + "\n",
      .tensors = tensors_.get(),
      .save_model = [this](const std::filesystem::path& directory) { save_model_for_plugin(directory); },
      .present_objects = [this] { return present_objects(); },
      .describe_objects = [this] { return describe_objects(); }});
  if (train_dataset_) {
    data_description_ = train_dataset_->description();
    require_writable_directory(args_.output_dir, "output_dir");
  }
  crash_report::set_directory(args_.output_dir);
  handler_->set_recorder(options.recorder);
  add_initial_callbacks(options, registry);
  state_.stateful_callbacks = handler_->collect_states();
  fire(TRAINER_ON_INIT_END);
} catch (...) {
  rethrow_in_phase("init", std::nullopt);
}

Trainer::~Trainer() = default;

void Trainer::add_initial_callbacks(const TrainerOptions& options, const PluginRegistry& registry) {
  handler_->add(native_entry(std::make_shared<DefaultFlowCallback>()));
  auto report_to = args_.report_to;
  const std::string who = train_dataset_ ? std::string() : DirectoryLock::holder(args_.output_dir);
  if (!who.empty() && !report_to.empty()) {
    log::warning("output_dir " + args_.output_dir + " is in use by " + who +
                 ", so nothing of this is logged to report_to, whose files there are those of the training");
    report_to.clear();
  }
  add_callbacks(*handler_, report_to, OnError::disable, options.callbacks, registry, *context_);
  if (*args_.disable_tqdm)
    handler_->add(native_entry(std::make_shared<PrinterCallback>(options.quiet)));
  else if (!options.quiet)
    handler_->add(make_progress_entry());
  std::string order;
  for (const auto& entry : handler_->entries()) order += (order.empty() ? "" : ", ") + entry->name;
  log::info("callbacks in order: " + order);
}

void Trainer::add_entry(std::shared_ptr<CallbackEntry> entry) { handler_->add(std::move(entry)); }

std::shared_ptr<TrainerCallback> Trainer::pop_native(const std::function<bool(const TrainerCallback&)>& is_it) {
  for (const auto& entry : handler_->entries()) {
    const auto callback = entry->native();
    if (!callback || !is_it(*callback)) continue;
    handler_->pop(entry.get());
    return callback;
  }
  return nullptr;
}

std::shared_ptr<TrainerCallback> Trainer::pop_callback(const TrainerCallback& callback) {
  return pop_native([&](const TrainerCallback& other) { return &other == &callback; });
}

std::shared_ptr<CallbackEntry> Trainer::pop_callback(std::string_view name) {
  for (const auto& entry : handler_->entries())
    if (entry->name == name || entry->class_name == name) return handler_->pop(entry.get());
  return nullptr;
}

void Trainer::remove_callback(const TrainerCallback& callback) {
  if (!pop_callback(callback))
    throw_usage(error_id::callback_invalid,
                "remove_callback: this " + class_name_of(typeid(callback)) + " is not among the trainer's callbacks");
}

ResumePoint Trainer::init_training_state(const TrainingPlan& plan,
                                         const std::optional<std::filesystem::path>& checkpoint) {
  ResumePoint resume{.checkpoint = checkpoint};
  state_ = TrainerState{};
  run_identity_->written.clear();
  state_.stateful_callbacks = handler_->collect_states();
  state_.train_batch_size = train_batch_size_;
  state_.compute_steps(args_, plan.max_steps);
  if (checkpoint && std::filesystem::exists(*checkpoint / state_file)) {
    const TrainerState given = std::move(state_);
    state_ = load_checkpoint_state(*checkpoint);
    forget_lost_best();
    warn_of_changed_steps(given, state_, train_batch_size_);
    if (args_.restore_callback_states_from_checkpoint)
      handler_->restore_states(json::object(state_.stateful_callbacks));
    resume.epochs_trained = state_.global_step / plan.num_update_steps_per_epoch;
    if (!args_.ignore_data_skip)
      resume.steps_trained_in_current_epoch =
          state_.global_step % plan.num_update_steps_per_epoch * args_.gradient_accumulation_steps;
  }
  if (state_.global_step >= plan.max_steps)
    log::warning("nothing is left to train: the run is at step " + std::to_string(state_.global_step) +
                 ", and max_steps or num_train_epochs make " + std::to_string(plan.max_steps) +
                 " steps of it; raise them to train on");
  state_.max_steps = plan.max_steps;
  state_.num_train_epochs = plan.num_train_epochs;
  state_.is_local_process_zero = state_.is_world_process_zero = true;
  state_.trial_name.reset();
  state_.trial_params = nullptr;
  return resume;
}

void Trainer::prepare_for_training(const TrainingPlan& plan, const ResumePoint& resume) {
  if (!optimizer_) optimizer_ = create_optimizer();
  lr_scheduler_ = create_scheduler(*optimizer_, plan.max_steps);
  scaler_ = create_scaler();
  tensors_->set_optimizer(optimizer_.get());
  preparation_.done = true;
  if (resume.checkpoint) load_optimizer_and_scheduler(*resume.checkpoint);
  handler_->add_has(TRAINER_HAS_OPTIMIZER | TRAINER_HAS_LR_SCHEDULER | TRAINER_HAS_TRAIN_DATALOADER);
}

std::unique_ptr<GradScaler> Trainer::create_scaler() {
  return args_.fp16 && !device_.is_cpu() ? std::make_unique<GradScaler>(device_) : nullptr;
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

}  // namespace trainer
