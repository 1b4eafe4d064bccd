// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/json.hpp"
#include "trainer/number.hpp"

namespace trainer {

/// transformers.TrainingArguments 5.23.0: names, types, defaults and checks, in its order. Those
/// that are missing here are refused by name (argument_table() has all 114; docs/arguments.md lists
/// them). A "step" is one update of the weights. Step counts that are a Number are a share of all
/// steps when below 1. Numbers stay the int or float that they are given as, and are logged and stored so.
struct TrainingArguments {
  std::string output_dir = "trainer_output";     ///< for checkpoints and plugins; "~" is expanded
  std::int64_t per_device_train_batch_size = 8;  ///< rows
  Number num_train_epochs = 3.0;
  std::int64_t max_steps = -1;  ///< above 0: instead of num_train_epochs

  Number learning_rate = 5e-5;
  std::string lr_scheduler_type = "linear";
  json::object lr_scheduler_kwargs;  ///< empty: transformers' None
  Number warmup_steps = 0;
  std::string optim = "adamw_torch_fused";
  std::optional<std::string> optim_args;  ///< "momentum=0.9,nesterov=true"
  Number weight_decay = 0.0;              ///< not for biases and layer norms
  Number adam_beta1 = 0.9;
  Number adam_beta2 = 0.999;
  Number adam_epsilon = 1e-8;

  std::int64_t gradient_accumulation_steps = 1;  ///< micro-batches in a step
  bool average_tokens_across_devices = true;     ///< a loss by tokens: of all processes
  Number max_grad_norm = 1.0;                    ///< 0 or below: no clipping
  Number label_smoothing_factor = 0.0;

  bool bf16 = false;
  bool fp16 = false;
  bool bf16_full_eval = false;
  bool fp16_full_eval = false;
  std::optional<bool> tf32;                             ///< unset: LibTorch's own choice
  std::optional<std::int64_t> torch_empty_cache_steps;  ///< unset: never
  bool auto_find_batch_size = false;

  std::string logging_strategy = "steps";  ///< no, steps, epoch
  Number logging_steps = 500;
  bool logging_first_step = false;
  bool log_on_each_node = true;  ///< the first process of each node; else rank 0
  bool logging_nan_inf_filter = true;
  std::string include_num_input_tokens_seen = "no";  ///< no, all, non_padding
  std::string log_level = "passive";                 ///< detail, debug, info, warning, error, critical
  std::string log_level_replica = "warning";         ///< of the processes that do not log
  std::optional<bool> disable_tqdm;                  ///< unset: the Trainer decides
  std::vector<std::string> report_to = {"all"};      ///< "none" in transformers; empty: no tracker
  std::optional<std::string> run_name;
  std::string project = "huggingface";
  std::optional<std::string> trackio_space_id;
  std::optional<std::string> trackio_bucket_id;
  json::value trackio_static_space_id;  ///< null, false or a text

  std::string eval_strategy = "no";             ///< no, steps, epoch
  std::optional<Number> eval_steps;             ///< unset: logging_steps
  Number eval_delay = 0;                        ///< steps or epochs, whichever eval_strategy counts
  std::int64_t per_device_eval_batch_size = 8;  ///< rows
  bool prediction_loss_only = false;
  bool eval_on_start = false;
  std::optional<std::int64_t> eval_accumulation_steps;  ///< batches kept on the GPU; unset: all

  bool save_only_model = false;
  std::string save_strategy = "steps";           ///< no, steps, epoch, best
  Number save_steps = 500;                       ///< 0: only at the end
  bool save_on_each_node = false;                ///< the first process of each node; else rank 0
  std::optional<std::int64_t> save_total_limit;  ///< checkpoints; unset or below 1: all
  bool enable_jit_checkpoint = false;            ///< checkpoint at SIGTERM
  std::optional<std::string> hub_token;          ///< kept only so that it is never shown
  bool load_best_model_at_end = false;
  std::optional<std::string> metric_for_best_model;
  std::optional<bool> greater_is_better;  ///< unset: true unless the metric's name ends in "loss"

  bool ignore_data_skip = false;
  bool restore_callback_states_from_checkpoint = false;
  bool full_determinism = false;
  std::int64_t seed = 42;  ///< 32 bits, as numpy's
  std::optional<std::int64_t> data_seed;
  bool use_cpu = false;

  bool dataloader_drop_last = false;  ///< of evaluation's batches, too
  std::int64_t dataloader_num_workers = 0;
  bool dataloader_pin_memory = true;
  bool dataloader_persistent_workers = false;
  std::optional<std::int64_t> dataloader_prefetch_factor;  ///< batches for each worker
  bool remove_unused_columns = true;                       ///< there are none here
  /// random, sequential, group_by_length, batch_rebalance
  std::string train_sampling_strategy = "random";
  std::string length_column_name = "length";  ///< of the last two, see Dataset::lengths

  std::optional<bool> ddp_find_unused_parameters;  ///< unset: where the model may have such
  std::optional<std::int64_t> ddp_bucket_cap_mb;   ///< unset: 25
  std::optional<bool> ddp_broadcast_buffers;       ///< unset: true
  std::optional<std::string> ddp_backend;          ///< nccl, gloo; unset: by the device
  std::int64_t ddp_timeout = 1800;                 ///< seconds

  std::vector<std::string> debug;   ///< must stay empty
  bool skip_memory_metrics = true;  ///< must stay true
  bool do_train = false;            ///< for the caller's own use, as in transformers; so are the next three
  bool do_eval = false;
  bool do_predict = false;
  std::optional<std::string> resume_from_checkpoint;
  std::int64_t local_rank = -1;  ///< not used

  /// __post_init__: checks all values and fills in those that follow from others. Throws a usage
  /// Error and then changes nothing. May be called again after a change: a value that it filled in
  /// follows the change. `where` stands before the names in sentences.
  void finalize(std::string_view where = "args");

  /// `where` names the object in sentences, such as "run.json: args". Calls finalize().
  static TrainingArguments from_json(const json::object& args, std::string_view where);

  /// from_json() on top of what is set, without finalize(): for arguments from several sources.
  void update(const json::object& args, std::string_view where);

  /// One argument. Throws a usage Error for an unknown name (with the nearest known one), a wrong
  /// type, a value out of range, and what is refused. `where` may also be the argument's own place,
  /// such as "--max_steps". finalize() afterwards checks what depends on other arguments.
  void set(std::string_view name, const json::value& v, std::string_view where);

  /// set() of a command line's text: true/yes/1, none or null for an unset value, "a,b" or JSON for
  /// a list, JSON for a dict. As in transformers, a step count becomes a float: "1" is 1.0.
  void set_from_text(std::string_view name, std::string_view text, std::string_view where);

  /// Null for what is not set; a token reads "<HUB_TOKEN>". A refused argument has its only value.
  json::value get(std::string_view name) const;

  /// Whether transformers has this argument, supported here or not.
  static bool has(std::string_view name);

  /// The supported arguments in transformers' order; a token reads "<HUB_TOKEN>" even if not set.
  json::object to_dict() const;
  std::string to_json_string() const;  ///< to_dict() with indent 2

  /// Steps, from warmup_steps or the share that it is.
  std::int64_t get_warmup_steps(std::int64_t num_training_steps) const;
  /// The metric's name in an evaluation: metric_for_best_model ("loss" when unset) after "eval_".
  std::string watched_metric() const;
  std::int64_t train_batch_size() const { return per_device_train_batch_size; }  ///< one device
  std::int64_t eval_batch_size() const { return per_device_eval_batch_size; }

  /// finalize()'s own notes: what it filled in.
  struct Derived {
    std::optional<Number> eval_steps;
    std::optional<std::string> metric_for_best_model;
    std::optional<bool> greater_is_better;
    bool do_eval = false;
    bool dataloader_pin_memory = false;
  } derived;
};

/// What the documentation and --help say of an argument.
struct ArgumentInfo {
  std::string_view name;
  std::string type;  ///< "int", "str or null" ...
  json::value default_value;
  std::string description;  ///< with the choices, where there are some
  bool supported;
  std::string_view group;    ///< what it is about: "Learning rate and optimizer"
  std::string_view refusal;  ///< why, and what to do; of a supported one: why some values are refused
};

/// What takes the place of an argument that transformers 5 removed, such as "its name is use_cpu now"; empty for
/// others.
std::string_view removed_argument(std::string_view name);

/// All arguments of transformers 5.23.0, in its order.
const std::vector<ArgumentInfo>& argument_table();

}  // namespace trainer
