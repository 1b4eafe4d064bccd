// SPDX-License-Identifier: Apache-2.0
//
// The rows of the table: each argument of transformers with its member, its rule and its description.
#include "arguments/training_arguments_table.hpp"

#include <algorithm>
#include <map>

#include "base/text.hpp"
#include "trainer/error.hpp"

namespace trainer::arguments {
namespace {

using A = TrainingArguments;

// Batch sizes, windows and epochs: products of two of them still fit 64 bits.
constexpr double count_max = std::numeric_limits<std::int32_t>::max();
// Up to here a double holds every integer, and schedules divide steps as doubles.
constexpr double step_max = 9007199254740992;
constexpr double seed_max = std::numeric_limits<std::uint32_t>::max();  // numpy's

Rule between(double least, double most) { return {.least = least, .most = most}; }
Rule from_0_to_below_1() { return {.least = 0, .most = 1, .below_most = true}; }
Rule at_least(double least) { return {.least = least}; }
Rule count() { return between(1, count_max); }
Rule steps() { return between(-step_max, step_max); }
Rule one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }
Rule only(const json::value& v) { return {.only = json::array(1, v)}; }
Rule not_empty() { return {.not_empty = true}; }

Argument argument(std::string_view name, Member member, std::string_view description, Rule rule = {},
                  std::string_view reason = {}) {
  return {.name = name,
          .type = {},
          .member = member,
          .description = description,
          .rule = std::move(rule),
          .reason = reason};
}

// `accepted`: the default, and what transformers makes of it.
Argument refused(std::string_view name, std::string_view type, json::array accepted, std::string_view description,
                 std::string_view reason) {
  return {.name = name,
          .type = type,
          .member = {},
          .description = description,
          .rule = {.only = std::move(accepted)},
          .reason = reason};
}

// `type` is what else is taken; `prepare` makes a value of the field's type of it.
Argument taking(Argument a, std::string_view type, json::value (*prepare)(const json::value&)) {
  a.type = type;
  a.prepare = prepare;
  return a;
}

json::value default_output_dir(const json::value& v) { return v.is_null() ? json::value("trainer_output") : v; }

json::value tokens_seen(const json::value& v) {
  if (v.is_bool()) return v.get_bool() ? "all" : "no";
  // A switch without a value on a command line reads "true".
  if (v == "true" || v == "True") return "all";
  return v == "false" || v == "False" ? json::value("no") : v;
}

json::value debug_options(const json::value& v) { return v.is_null() || v == "" ? json::value(json::array()) : v; }

json::object default_accelerator_config() {
  return {{"split_batches", false},       {"dispatch_batches", nullptr}, {"even_batches", true},
          {"use_seedable_sampler", true}, {"non_blocking", false},       {"gradient_accumulation_kwargs", nullptr}};
}

constexpr std::string_view no_hub = "nothing is uploaded to the Hub; remove it, and upload output_dir after the run";
constexpr std::string_view no_recomputation =
    "activations are always kept; remove it, and lower per_device_train_batch_size to save memory";
constexpr std::string_view no_compile = "torch.compile is part of Python; remove it";
constexpr std::string_view no_liger = "Liger kernels are part of Python; remove it";
constexpr std::string_view no_sharding =
    "what splits a model over devices is part of Python, and LibTorch has no API for it; remove it";
constexpr std::string_view fixed_loading = "worker threads of one process load the data, in order; remove it";
constexpr std::string_view whole_predictions = "metrics are computed once, from all predictions and labels; remove it";

std::vector<Argument> make_table() {
  const Rule interval = one_of({"no", "steps", "epoch"});
  const Rule levels = one_of({"passive", "detail", "debug", "info", "warning", "error", "critical"});
  std::vector<Argument> rows;
  const auto group = [&](std::string_view name, std::vector<Argument> arguments) {
    for (auto& argument : arguments) {
      argument.group = name;
      rows.push_back(std::move(argument));
    }
  };
  group("Output, duration and batch size",
        {
            taking(argument("output_dir", &A::output_dir,
                            "Directory for checkpoints and for the files of plugins; `~` is the home directory.",
                            not_empty()),
                   "str or null", default_output_dir),
            argument("per_device_train_batch_size", &A::per_device_train_batch_size, "Training batch size, in rows.",
                     count()),
            argument("num_train_epochs", &A::num_train_epochs,
                     "Passes over the training data; a fraction ends within the last one.",
                     between(-count_max, count_max)),
            argument("max_steps", &A::max_steps, "Total number of steps if above 0; overrides `num_train_epochs`.",
                     steps()),
        });
  group("Learning rate and optimizer",
        {
            argument("learning_rate", &A::learning_rate, "Peak learning rate.", {.least = 0, .finite = true}),
            argument("lr_scheduler_type", &A::lr_scheduler_type, "Learning rate schedule.",
                     one_of({"linear", "cosine", "cosine_with_restarts", "polynomial", "constant",
                             "constant_with_warmup", "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr",
                             "cosine_warmup_with_min_lr", "warmup_stable_decay", "greedy"})),
            argument("lr_scheduler_kwargs", &A::lr_scheduler_kwargs,
                     "Settings of the schedule, as an object or its JSON text."),
            argument("warmup_steps", &A::warmup_steps,
                     "Steps of linear warmup from 0; below 1, a fraction of all steps.", between(0, step_max)),
            argument("optim", &A::optim, "The optimizer.",
                     one_of({"adamw_torch", "adamw_torch_fused", "sgd", "adagrad", "rmsprop", "adafactor"}),
                     "the other optimizers of transformers need Python packages"),
            argument("optim_args", &A::optim_args, "Settings of the optimizer: `momentum=0.9,nesterov=true`."),
            argument("weight_decay", &A::weight_decay, "Weight decay (biases and layer norms excluded)."),
            argument("adam_beta1", &A::adam_beta1, "AdamW's beta1.", from_0_to_below_1()),
            argument("adam_beta2", &A::adam_beta2, "AdamW's beta2.", from_0_to_below_1()),
            argument("adam_epsilon", &A::adam_epsilon, "AdamW's epsilon.", at_least(0)),
            refused("optim_target_modules", "str or list of str or null", {nullptr}, "Modules for GaLore and APOLLO.",
                    "GaLore and APOLLO need Python packages; remove it"),
        });
  group("Training stability",
        {
            argument("gradient_accumulation_steps", &A::gradient_accumulation_steps,
                     "Batches to accumulate gradients over before each step.", count()),
            argument("average_tokens_across_devices", &A::average_tokens_across_devices,
                     "Divides a step's loss by the tokens of all processes, not by those of each."),
            argument("max_grad_norm", &A::max_grad_norm, "Gradient-norm clipping threshold; 0 disables it."),
            argument("label_smoothing_factor", &A::label_smoothing_factor, "Label smoothing factor."),
        });
  group("Precision, memory and speed",
        {
            argument("bf16", &A::bf16, "bfloat16 mixed precision."),
            argument("fp16", &A::fp16, "float16 mixed precision on a GPU; no effect on a CPU."),
            argument("bf16_full_eval", &A::bf16_full_eval, "Evaluates with the model cast to bfloat16."),
            argument("fp16_full_eval", &A::fp16_full_eval, "Evaluates with the model cast to float16."),
            argument("tf32", &A::tf32, "TF32 matrix multiplication on a GPU."),
            refused("activation_checkpointing", "bool or null", {nullptr, false},
                    "Computes activations again in the backward pass.", no_recomputation),
            refused("activation_checkpointing_kwargs", "dict or null", {nullptr},
                    "Settings of `activation_checkpointing`.", no_recomputation),
            refused("gradient_checkpointing", "bool or null", {nullptr, false},
                    "Old name of `activation_checkpointing`.", no_recomputation),
            refused("gradient_checkpointing_kwargs", "dict or null", {nullptr},
                    "Old name of `activation_checkpointing_kwargs`.", no_recomputation),
            refused("torch_compile", "bool", {false}, "Compiles the model.", no_compile),
            refused("torch_compile_backend", "str or null", {nullptr}, "What compiles it.", no_compile),
            refused("torch_compile_mode", "str or null", {nullptr}, "How it is compiled.", no_compile),
            refused("use_liger_kernel", "bool", {false}, "Replaces layers by Liger kernels.", no_liger),
            refused("liger_kernel_config", "dict or null", {nullptr}, "Which layers.", no_liger),
            refused("use_cache", "bool", {false}, "Key and value cache of language models.",
                    "models here have no such cache; remove it"),
            refused("neftune_noise_alpha", "float or null", {nullptr}, "Noise on embeddings.",
                    "NEFTune changes the embedding layers of Python models; remove it, or add the noise "
                    "in your model's forward"),
            argument("torch_empty_cache_steps", &A::torch_empty_cache_steps,
                     "Empties the GPU's cache every so many steps.", at_least(1)),
            argument("auto_find_batch_size", &A::auto_find_batch_size,
                     "Retries with smaller batches when memory runs out."),
        });
  group("Logs", {
                    argument("logging_strategy", &A::logging_strategy, "When to log.", interval),
                    argument("logging_steps", &A::logging_steps,
                             "Steps between logs; below 1, a fraction of all steps.", steps()),
                    argument("logging_first_step", &A::logging_first_step, "Also logs the first step."),
                    argument("log_on_each_node", &A::log_on_each_node,
                             "With several nodes: the first process of each logs by `log_level`, not rank 0 alone."),
                    argument("logging_nan_inf_filter", &A::logging_nan_inf_filter,
                             "Leaves NaN and infinite losses out of the logs."),
                    taking(argument("include_num_input_tokens_seen", &A::include_num_input_tokens_seen,
                                    "Counts the tokens of `input_ids`; true is `all`, false is `no`.",
                                    one_of({"no", "all", "non_padding"})),
                           "str or bool", tokens_seen),
                    argument("log_level", &A::log_level, "Log level; `passive` keeps the current one.", levels),
                    argument("log_level_replica", &A::log_level_replica, "`log_level` of the other processes.", levels),
                    argument("disable_tqdm", &A::disable_tqdm,
                             "Prints lines instead of progress bars; unset: when stderr is not a terminal."),
                    argument("report_to", &A::report_to, "Trackers by name, `all` that are available, or `none`."),
                    argument("run_name", &A::run_name, "Name of the run in trackers."),
                    argument("project", &A::project, "Trackio's project."),
                    argument("trackio_space_id", &A::trackio_space_id, "Trackio's Space."),
                    argument("trackio_bucket_id", &A::trackio_bucket_id, "Trackio's bucket."),
                    argument("trackio_static_space_id", &A::trackio_static_space_id,
                             "Trackio's Space after the run; false: none."),
                });
  group("Evaluation",
        {
            argument("eval_strategy", &A::eval_strategy, "When to evaluate.", interval),
            argument("eval_steps", &A::eval_steps,
                     "Steps between evaluations; below 1, a fraction of all steps; unset: "
                     "`logging_steps`.",
                     steps()),
            argument("eval_delay", &A::eval_delay,
                     "Steps or epochs (as `eval_strategy` counts) before the first evaluation."),
            argument("per_device_eval_batch_size", &A::per_device_eval_batch_size,
                     "Batch size of evaluation and prediction, in rows.", count()),
            argument("prediction_loss_only", &A::prediction_loss_only, "Computes only the loss in evaluation."),
            argument("eval_on_start", &A::eval_on_start, "Evaluates once before training."),
            refused("eval_do_concat_batches", "bool", {true}, "Joins predictions of batches.",
                    "predictions are always joined; remove it"),
            refused("eval_use_gather_object", "bool", {false}, "Gathers other objects than tensors from processes.",
                    "predictions and labels are tensors, and are gathered as such; remove it"),
            argument("eval_accumulation_steps", &A::eval_accumulation_steps,
                     "Batches of predictions to keep on the GPU before they are moved to memory; unset: all.",
                     at_least(1)),
            refused("include_for_metrics", "list of str", json::array(1, json::array()), "What else metrics are given.",
                    whole_predictions),
            refused("batch_eval_metrics", "bool", {false}, "Computes metrics batch by batch.", whole_predictions),
        });
  group("Checkpoints",
        {
            argument("save_only_model", &A::save_only_model,
                     "Saves the model without optimizer and schedule, which a resumed run then starts afresh."),
            argument("save_strategy", &A::save_strategy,
                     "When to save; `best`: after an evaluation with a new best metric.",
                     one_of({"no", "steps", "epoch", "best"})),
            argument("save_steps", &A::save_steps,
                     "Steps between checkpoints; below 1, a fraction of all steps; 0: only at the end.", steps()),
            argument("save_on_each_node", &A::save_on_each_node,
                     "With several nodes: the first process of each saves, not rank 0 alone."),
            argument("save_total_limit", &A::save_total_limit,
                     "Number of checkpoints to keep, the best one included; unset or below 1: all."),
            argument("enable_jit_checkpoint", &A::enable_jit_checkpoint, "On SIGTERM, writes a checkpoint and stops."),
            refused("push_to_hub", "bool", {false}, "Uploads checkpoints.", no_hub),
            argument("hub_token", &A::hub_token, "Accepted, and never shown."),
            refused("hub_private_repo", "bool or null", {nullptr}, "Makes the repository private.", no_hub),
            refused("hub_model_id", "str or null", {nullptr}, "The repository.", no_hub),
            refused("hub_strategy", "str", {"every_save"}, "When to upload.", no_hub),
            refused("hub_always_push", "bool", {false}, "Uploads even while the last one goes on.", no_hub),
            refused("hub_revision", "str or null", {nullptr}, "The branch.", no_hub),
        });
  group(
      "Best model and resuming",
      {
          argument("load_best_model_at_end", &A::load_best_model_at_end,
                   "Loads the best checkpoint when training ends."),
          argument(
              "metric_for_best_model", &A::metric_for_best_model,
              "Metric that decides which checkpoint is best, with or without `eval_`; unset: `loss` where one is needed.",
              not_empty()),
          argument("greater_is_better", &A::greater_is_better,
                   "Whether a greater metric is better; unset: true unless its name ends in `loss`."),
          argument("ignore_data_skip", &A::ignore_data_skip,
                   "A resumed run does not skip the batches it has already seen."),
          argument("restore_callback_states_from_checkpoint", &A::restore_callback_states_from_checkpoint,
                   "Restores the callbacks' state from the checkpoint on resume."),
      });
  group("Seeds and device",
        {
            argument("full_determinism", &A::full_determinism, "Uses deterministic kernels only."),
            argument("seed", &A::seed, "Seeds weight initialisation, dropout and shuffling.", between(0, seed_max)),
            argument("data_seed", &A::data_seed, "Seeds shuffling; unset: `seed`."),
            argument("use_cpu", &A::use_cpu, "Trains on the CPU even if there is a GPU."),
            refused("accelerator_config", "dict or str or null", {nullptr, default_accelerator_config()},
                    "Settings of accelerate.", "accelerate is part of Python; remove it"),
            refused("parallelism_config", "dict or null", {nullptr}, "Splits a model over devices.", no_sharding),
        });
  group("Data",
        {
            argument("dataloader_drop_last", &A::dataloader_drop_last,
                     "Drops the last incomplete batch, also in evaluation."),
            argument("dataloader_num_workers", &A::dataloader_num_workers,
                     "Data loading workers; 0 loads in the training thread.", between(0, count_max)),
            argument("dataloader_pin_memory", &A::dataloader_pin_memory,
                     "Uses pinned memory for a GPU; false with `use_cpu`."),
            argument("dataloader_persistent_workers", &A::dataloader_persistent_workers,
                     "Keeps the workers alive between epochs."),
            argument("dataloader_prefetch_factor", &A::dataloader_prefetch_factor,
                     "Batches each worker loads in advance.", count()),
            refused("dataloader_multiprocessing_context", "str or null", {nullptr}, "How worker processes start.",
                    fixed_loading),
            refused("dataloader_in_order", "bool", {true}, "Keeps the order of batches.", fixed_loading),
            argument("remove_unused_columns", &A::remove_unused_columns,
                     "No effect: columns that the model does not take are never read."),
            refused("label_names", "list of str or null", {nullptr}, "Inputs that are labels.",
                    "the labels are the batch's `labels`; remove it, and name the column in the data"),
            argument("train_sampling_strategy", &A::train_sampling_strategy, "The order of training data.",
                     one_of({"random", "sequential", "group_by_length", "batch_rebalance"})),
            argument("length_column_name", &A::length_column_name,
                     "The column with the lengths of rows, for the last two of these; without it, the lengths of "
                     "`input_ids`."),
        });
  group("Several processes",
        {
            argument("ddp_find_unused_parameters", &A::ddp_find_unused_parameters,
                     "Looks for parameters that a step does not use; unset: if the model may have any."),
            argument("ddp_bucket_cap_mb", &A::ddp_bucket_cap_mb,
                     "MiB of gradients averaged at once; unset or 25: 1, then 25.", between(0, count_max)),
            argument("ddp_broadcast_buffers", &A::ddp_broadcast_buffers,
                     "Gives each process rank 0's buffers before a step; unset: true."),
            refused("ddp_static_graph", "bool or null", {nullptr, false},
                    "Assumes that every step uses the same parameters.", "every step is examined anew; remove it"),
            argument("ddp_backend", &A::ddp_backend,
                     "How processes communicate; unset: `nccl` between GPUs, else `gloo`.", one_of({"nccl", "gloo"}),
                     "the other backends of transformers are not in LibTorch"),
            argument("ddp_timeout", &A::ddp_timeout, "Seconds that processes wait for each other.", count()),
            refused("fsdp", "bool or str or null", {nullptr, false}, "Shards the model.", no_sharding),
            refused("fsdp_config", "dict or str or null", {nullptr}, "How it is sharded.", no_sharding),
            refused("deepspeed", "dict or str or null", {nullptr}, "Trains with DeepSpeed.",
                    "DeepSpeed is part of Python; remove it"),
        });
  group("Debugging, and for the caller's own use",
        {
            taking(argument("debug", &A::debug, "Checks of intermediate values.", only(json::array()),
                            "the checks are part of Python; remove it"),
                   "str or list of str or null", debug_options),
            argument("skip_memory_metrics", &A::skip_memory_metrics, "Measures no memory.", only(true),
                     "memory is not measured; remove it"),
            argument("do_train", &A::do_train, "Not used by the trainer, as in transformers."),
            argument("do_eval", &A::do_eval,
                     "Not used by the trainer, as in transformers; true with an `eval_strategy`."),
            argument("do_predict", &A::do_predict, "Not used by the trainer, as in transformers."),
            argument("resume_from_checkpoint", &A::resume_from_checkpoint,
                     "Not used by the trainer, as in transformers; `train()` has a parameter of this name."),
            argument("local_rank", &A::local_rank,
                     "Not used, as in transformers: the launcher's variables tell a process its place.", at_least(-1)),
        });
  return rows;
}

}  // namespace

const std::vector<Argument>& table() {
  static const std::vector<Argument> rows = make_table();
  return rows;
}

const Argument* find(std::string_view name) {
  static const auto by_name = [] {
    std::map<std::string_view, const Argument*> out;
    for (const auto& row : table()) out.emplace(row.name, &row);
    return out;
  }();
  const auto found = by_name.find(name);
  return found == by_name.end() ? nullptr : found->second;
}

void refuse_unknown(std::string_view name, std::string_view where) {
  const std::string place = place_of(where, name);
  if (const auto instead = removed_argument(name); !instead.empty())
    throw_usage(error_id::arguments_invalid, place + " was removed in transformers 5; " + std::string(instead));
  std::vector<std::string> names;
  for (const auto& row : table()) names.emplace_back(row.name);
  const auto near = nearest(name, names);
  throw_usage(error_id::arguments_invalid,
              place + " is not a training argument; " +
                  (near.empty() ? "docs/arguments.md lists them" : "did you mean \"" + near + "\"?"));
}

}  // namespace trainer::arguments
