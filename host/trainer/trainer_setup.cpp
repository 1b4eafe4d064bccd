// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer is made of, and what train() prepares before its first step.
#include <ATen/CPUGeneratorImpl.h>
#include <torch/utils.h>

#include <cmath>

#include "base/terminal.hpp"
#include "checkpoints/checkpoint_check.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/compiled_training.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/device.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/trainer_impl.hpp"

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

void check(const std::shared_ptr<Model>& model, const ModelInit& model_init) {
  if (!model == !model_init)
    throw_usage(
        error_id::model_unsupported,
        std::string("TrainerOptions has ") + (model ? "both" : "neither") +
            " model and model_init, expected one of them; make a model with trainer::supervised() or make_model()");
}

void check_limit(const std::optional<std::int64_t>& log_history_limit) {
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

void check(const AnyDataset* train_dataset, std::int64_t max_steps) {
  if (dynamic_cast<const IterableDataset*>(train_dataset) && max_steps <= 0)
    throw_usage(error_id::arguments_invalid,
                "the train dataset is an IterableDataset, whose number of rows is not known, and args.max_steps is " +
                    std::to_string(max_steps) +
                    ", expected the number of steps to train, from which the schedule follows, too; set max_steps");
}

Process process_of(const Ranks& ranks) {
  const auto number = [](int of) { return static_cast<std::uint32_t>(of); };
  return {.rank = number(ranks.rank),
          .world_size = number(ranks.world),
          .local_rank = number(ranks.local_rank),
          .local_world_size = number(ranks.local_world),
          .node_rank = number(ranks.node_rank),
          .restart_count = number(ranks.restart)};
}

void check(const Ranks& ranks, const TrainingArguments& args) {
  if (!ranks.alone() && args.auto_find_batch_size)
    throw_usage(error_id::arguments_invalid,
                "args.auto_find_batch_size is set, and one process of " + std::to_string(ranks.world) +
                    " that runs out of memory would leave the others waiting; set it to false, and make "
                    "per_device_train_batch_size smaller");
}

// Of an optimizer that the program made, which knows no names. One that has nothing of the model trains nothing.
void name_parameters(Optimizer& optimizer, const Model& model) {
  if (optimizer.param_groups().empty())
    throw_usage(
        error_id::arguments_invalid,
        "the optimizer has no group of parameters, so there is no learning rate; give it one, which may be empty");
  bool any = false;
  const auto named = named_parameters(model);
  for (ParamGroup& group : optimizer.param_groups()) {
    group.names.resize(group.params.size());
    for (std::size_t i = 0; i < group.params.size(); ++i)
      for (const NamedParameter& parameter : named)
        if (parameter.tensor.is_same(group.params[i])) group.names[i] = parameter.name, any = true;
  }
  if (!any && !named.empty())
    log::warning(
        "the optimizer has no parameter of the model, so nothing of it is trained; make it of the parameters "
        "of the model that the Trainer was given");
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

void EvalDatasets::add(std::string name, std::shared_ptr<AnyDataset> set) {
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

Trainer::Impl::Impl(Trainer& trainer, TrainerOptions& options)
    : self(trainer),
      args(checked(std::move(options.args))),
      device(choose_device(args, process_ranks())),
      group(group_of(args, device)),
      model(std::move(options.model)),
      model_init(std::move(options.model_init)),
      data_collator(std::move(options.data_collator)),
      train_dataset(std::move(options.train_dataset)),
      eval_dataset(std::move(options.eval_dataset)),
      compute_loss_func(std::move(options.compute_loss_func)),
      compute_metrics(std::move(options.compute_metrics)),
      given(std::move(options.optimizers)),
      preprocess_logits_for_metrics(std::move(options.preprocess_logits_for_metrics)),
      log_history_limit(options.log_history_limit),
      terminate_on_nan(options.terminate_on_nan),
      train_batch_size(args.per_device_train_batch_size),
      handler(std::make_unique<CallbackHandler>(args, state, control)) {}

Trainer::Trainer(TrainerOptions options) try : impl_(std::make_unique<Impl>(*this, options)) {
  impl_->begin(options);
} catch (...) {
  rethrow_in_phase("init", std::nullopt);
}

Trainer::~Trainer() = default;

void Trainer::Impl::begin(TrainerOptions& options) {
  plugins = std::make_unique<PluginRegistry>(plugin_directories(options.plugin_dirs));
  plugins->leave_out(options.without);
  plugins->isolate(options.isolate);
  check(model, model_init);
  check_limit(log_history_limit);
  check(train_dataset.get(), args.max_steps);
  check(eval_dataset, train_dataset ? args.eval_strategy : "no");
  check(group->ranks(), args);
  require_same_start();
  if (args.fp16 && device.is_cpu()) {
    // As accelerate has it; the flag stays in the arguments that trackers and checkpoints get.
    log::warning("args.fp16 has no effect on a CPU, and the run computes in float32; bf16 works there");
  }
  apply_log_level(logs() ? args.log_level : args.log_level_replica);
  tell_ranks();
  apply_global_settings(args, device);
  run_identity = std::make_unique<RunIdentity>();
  saver = std::make_unique<CheckpointSaver>(
      state, control, *group, writes_files(), [this](const std::filesystem::path& to) { save_plugin_files(to); },
      [this](const std::filesystem::path& saved) { announce_checkpoint(saved); }, options.async_save);
  tensors = std::make_unique<TensorViews>();
  plugin_groups = std::make_unique<OptimizerGroups>(*handler);
  context = std::make_unique<HostContext>(HostContext{
      .args = &args,
      .state = &state,
      .model_config_json = {},
      .tensors = tensors.get(),
      .save_model = [this](const std::filesystem::path& directory) { self.save_model_for_plugin(directory); },
      .present_objects = [this] { return present_objects(); },
      .describe_objects = [this] { return describe_objects(); },
      .param_groups = plugin_groups.get(),
      .checkpoints = &checkpoints,
      .process = process_of(group->ranks())});
  if (!group->alone()) context->from_rank_0 = [this](const std::string& text) { return group->broadcast(text); };
  torch::manual_seed(static_cast<std::uint64_t>(args.seed));
  set_model(model_init ? model_init() : std::move(model));
  take_optimizers();
  if (train_dataset) {
    check_compiled();
    data_description = train_dataset->description();
    if (writes_files()) require_writable_directory(args.output_dir, "output_dir");
  }
  if (writes_files()) crash_report::set_directory(args.output_dir);
  handler->objects().processing_class = std::move(options.processing_class);
  handler->set_recorder(options.recorder);
  add_initial_callbacks(options);
  require_same_plugins();
  state.stateful_callbacks = handler->collect_states();
  fire(TRAINER_ON_INIT_END);
}

void Trainer::Impl::take_optimizers() {
  const auto refuse = [](const std::string& what) {
    throw_usage(error_id::arguments_invalid, "TrainerOptions.optimizers " + what);
  };
  if (model_init && (given.optimizer || given.lr_scheduler))
    refuse("cannot go with model_init, which makes other parameters for each training; override create_optimizer()");
  if (given.lr_scheduler && !given.optimizer)
    refuse("has an lr_scheduler without the optimizer that it drives; give both, or an lr_lambda");
  if (given.lr_scheduler && given.lr_lambda) refuse("has both lr_scheduler and lr_lambda; give one of them");
  optimizer = given.optimizer;
  lr_scheduler = given.lr_scheduler;
  if (!optimizer) return;
  name_parameters(*optimizer, *model);
  // What it made for the parameters before they were moved follows them.
  if (!device.is_cpu()) optimizer->load_state_dict(optimizer->state_dict(), "TrainerOptions.optimizers");
  tensors->set_optimizer(optimizer.get());
  handler->objects().optimizer = optimizer.get();
  handler->objects().lr_scheduler = lr_scheduler.get();
}

void Trainer::Impl::set_model(std::shared_ptr<Model> new_model) {
  if (!new_model)
    throw_usage(error_id::model_unsupported,
                "TrainerOptions.model_init gave a null model; make one with trainer::supervised() or make_model()");
  model = std::move(new_model);
  model->to(device);
  preparation.full_type.reset();
  parameters.clear();
  for (const auto& parameter : named_parameters(*model)) parameters.push_back(parameter.tensor);
  tensors->set_model(model.get());
  handler->objects().model = model.get();
  const auto config = model->config();
  context->model_config_json = config.empty() ? "" : json::dump(config, {.indent = 2, .sort_keys = true}) + "\n";
}

ResumePoint Trainer::Impl::init_training_state(const TrainingPlan& plan,
                                               const std::optional<std::filesystem::path>& checkpoint) {
  ResumePoint resume{.checkpoint = checkpoint};
  checkpoints.resumed_from = checkpoint ? std::filesystem::absolute(*checkpoint).lexically_normal().string() : "";
  checkpoints.newest.clear();
  state = TrainerState{};
  run_identity->written.clear();
  state.stateful_callbacks = handler->collect_states();
  state.train_batch_size = train_batch_size;
  state.compute_steps(args, plan.max_steps);
  if (checkpoint && std::filesystem::exists(*checkpoint / state_file)) {
    const TrainerState given = std::move(state);
    state = load_checkpoint_state(*checkpoint);
    forget_lost_best();
    warn_of_changed_steps(given, state, train_batch_size);
    if (args.restore_callback_states_from_checkpoint) handler->restore_states(json::object(state.stateful_callbacks));
    checkpoints.newest = checkpoints.resumed_from;
    handler->load_files(*checkpoint / plugins_directory);
    resume_data(plan, resume);
  }
  if (state.global_step >= plan.max_steps)
    log::warning("nothing is left to train: the run is at step " + std::to_string(state.global_step) +
                 ", and max_steps or num_train_epochs make " + std::to_string(plan.max_steps) +
                 " steps of it; raise them to train on");
  state.max_steps = plan.max_steps;
  counted = true;
  state.num_train_epochs = plan.num_train_epochs;
  tell_ranks();
  state.trial_name.reset();
  state.trial_params = nullptr;
  return resume;
}

// How far the data were read. Epochs of a stream are as long as it is, which the state's epoch alone knows: it counts
// those before, and then the part of max_steps that this one had made, which is all of it for a long stream.
void Trainer::Impl::resume_data(const TrainingPlan& plan, ResumePoint& resume) const {
  const std::int64_t accumulation = args.gradient_accumulation_steps;
  std::int64_t steps = state.global_step % plan.num_update_steps_per_epoch * accumulation;
  resume.epochs_trained = state.global_step / plan.num_update_steps_per_epoch;
  if (plan.is_stream) {
    const double epoch = state.epoch;
    resume.epochs_trained = std::max<std::int64_t>(std::llround(std::ceil(epoch)) - 1, 0);
    steps = std::llround((epoch - static_cast<double>(resume.epochs_trained)) *
                         static_cast<double>(state.max_steps * accumulation));
  }
  if (!args.ignore_data_skip) resume.steps_trained_in_current_epoch = steps;
}

void Trainer::Impl::prepare_for_training(const TrainingPlan& plan, const ResumePoint& resume) {
  CallbackObjects& objects = handler->objects();
  prepare_ranks();
  if (!optimizer) {
    optimizer = made(self.create_optimizer(), "create_optimizer()");
    name_parameters(*optimizer, *model);
  }
  objects.optimizer = optimizer.get();
  if (!given.lr_scheduler) lr_scheduler = made(self.create_scheduler(*optimizer, plan.max_steps), "create_scheduler()");
  objects.lr_scheduler = lr_scheduler.get();
  scaler = self.create_scaler();
  tensors->set_optimizer(optimizer.get());
  preparation.done = true;
  if (resume.checkpoint) load_optimizer_and_scheduler(*resume.checkpoint);
  prepare_compiled();
  objects.train_dataloader = train_dataloader.get();
  objects.train_dataloader_size = train_dataloader->size().value_or(-1);
}

std::unique_ptr<GradScaler> Trainer::create_scaler() {
  return impl_->args.fp16 && !impl_->device.is_cpu() ? std::make_unique<GradScaler>(impl_->device) : nullptr;
}

std::unique_ptr<Optimizer> Trainer::create_optimizer() {
  OptimizerSettings settings;
  settings.learning_rate = impl_->args.learning_rate;
  settings.adam_beta1 = impl_->args.adam_beta1;
  settings.adam_beta2 = impl_->args.adam_beta2;
  settings.adam_epsilon = impl_->args.adam_epsilon;
  settings.optim_args = impl_->args.optim_args.value_or("");
  return make_optimizer(impl_->args.optim, parameter_groups(named_parameters(*impl_->model), impl_->args.weight_decay),
                        settings);
}

std::unique_ptr<LRScheduler> Trainer::create_scheduler(Optimizer& optimizer, std::int64_t num_training_steps) {
  if (impl_->given.lr_lambda) return make_lambda_scheduler(optimizer, impl_->given.lr_lambda);
  return make_scheduler(impl_->args.lr_scheduler_type, optimizer, impl_->args.get_warmup_steps(num_training_steps),
                        num_training_steps, impl_->args.lr_scheduler_kwargs);
}

DataLoaderOptions Trainer::Impl::loader_options(std::int64_t batch_size) const {
  return {.batch_size = batch_size,
          .drop_last = args.dataloader_drop_last,
          .collator = data_collator,
          .num_workers = args.dataloader_num_workers,
          .prefetch_factor = args.dataloader_prefetch_factor.value_or(2),
          .pin_memory = args.dataloader_pin_memory && !device.is_cpu(),
          .shard = shard()};
}

std::shared_ptr<Sampler> Trainer::get_train_sampler(const Dataset& dataset) {
  const auto& args = impl_->args;
  if (args.train_sampling_strategy == "group_by_length")
    return std::make_shared<LengthGroupedSampler>(dataset.lengths(args.length_column_name),
                                                  impl_->train_batch_size * args.gradient_accumulation_steps);
  if (args.train_sampling_strategy != "random") return std::make_shared<SequentialSampler>(dataset.size());
  // transformers takes the seed that the default generator was last given, which is args.seed
  // unless the program seeded it again.
  const std::uint64_t seed = args.data_seed ? static_cast<std::uint64_t>(*args.data_seed)
                                            : at::detail::getDefaultCPUGenerator().current_seed();
  return std::make_shared<RandomSampler>(dataset.size(), seed);
}

std::shared_ptr<Sampler> Trainer::get_eval_sampler(const Dataset& dataset) {
  const auto& args = impl_->args;
  if (args.train_sampling_strategy == "group_by_length" && !impl_->in_order)
    return std::make_shared<LengthGroupedSampler>(dataset.lengths(args.length_column_name),
                                                  args.per_device_eval_batch_size,
                                                  static_cast<std::uint64_t>(args.data_seed.value_or(args.seed)));
  return std::make_shared<SequentialSampler>(dataset.size());
}

std::unique_ptr<DataLoader> Trainer::get_train_dataloader() {
  const auto& args = impl_->args;
  auto options = impl_->loader_options(impl_->train_batch_size);
  const auto* rows = dynamic_cast<const Dataset*>(impl_->train_dataset.get());
  if (!rows && args.train_sampling_strategy != "random" && args.train_sampling_strategy != "sequential")
    log::warning("args.train_sampling_strategy \"" + args.train_sampling_strategy +
                 "\" has no effect on a stream of rows, whose order is its own");
  if (rows && args.train_sampling_strategy == "batch_rebalance")
    options.batch_sampler = std::make_shared<BatchRebalanceSampler>(
        rows->lengths(args.length_column_name),
        impl_->train_batch_size * args.gradient_accumulation_steps * impl_->group->world(),
        args.gradient_accumulation_steps, args.dataloader_drop_last, impl_->group->world());
  else if (rows)
    options.sampler = get_train_sampler(*rows);
  return make_data_loader(impl_->train_dataset, std::move(options));
}

std::unique_ptr<DataLoader> Trainer::get_eval_dataloader(const std::shared_ptr<AnyDataset>& dataset) {
  auto options = impl_->loader_options(impl_->args.per_device_eval_batch_size);
  if (const auto* rows = dynamic_cast<const Dataset*>(dataset.get())) options.sampler = get_eval_sampler(*rows);
  return make_data_loader(dataset, std::move(options));
}

std::unique_ptr<DataLoader> Trainer::get_test_dataloader(const std::shared_ptr<AnyDataset>& dataset) {
  struct InOrder {
    bool& flag;
    ~InOrder() { flag = false; }
  } const in_order{impl_->in_order = true};
  return get_eval_dataloader(dataset);
}

}  // namespace trainer
