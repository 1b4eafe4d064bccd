// SPDX-License-Identifier: Apache-2.0
//
// Names that training arguments had in transformers 4, and what takes their place.
#include <map>

#include "trainer/training_arguments.hpp"

namespace trainer {
namespace arguments {
namespace {

constexpr std::string_view was_accelerate = "leave it out; accelerate is part of Python";
constexpr std::string_view was_hub = "leave it out; nothing is uploaded to the Hub";
constexpr std::string_view was_backend = "leave it out; fp16 and bf16 have one backend, torch's";
constexpr std::string_view was_loop = "leave it out; an evaluation runs the model as it is";
constexpr std::string_view was_distributed = "leave it out; a model is not split over devices";
constexpr std::string_view was_device = "leave it out; the device is found without it, and use_cpu chooses the CPU";

const std::map<std::string_view, std::string_view> removed = {
    {"adafactor", "set optim to \"adafactor\""},
    {"dispatch_batches", was_accelerate},
    {"evaluate_during_training", "set eval_strategy to \"steps\""},
    {"evaluation_strategy", "its name is eval_strategy now"},
    {"fp16_backend", was_backend},
    {"fp16_opt_level", was_backend},
    {"fsdp_min_num_params", was_distributed},
    {"fsdp_transformer_layer_cls_to_wrap", was_distributed},
    {"group_by_length", "set train_sampling_strategy to \"group_by_length\""},
    {"half_precision_backend", was_backend},
    {"include_inputs_for_metrics", "leave it out; metrics are computed from predictions and labels"},
    {"include_tokens_per_second", "set include_num_input_tokens_seen to \"all\""},
    {"jit_mode_eval", was_loop},
    {"logging_dir", "set TENSORBOARD_LOGGING_DIR in the environment, or leave it out for output_dir/runs"},
    {"mp_parameters", was_distributed},
    {"no_cuda", "its name is use_cpu now"},
    {"overwrite_output_dir", "leave it out; name a new output_dir for a run of its own"},
    {"past_index", was_loop},
    {"per_gpu_eval_batch_size", "its name is per_device_eval_batch_size now"},
    {"per_gpu_train_batch_size", "its name is per_device_train_batch_size now"},
    {"push_to_hub_model_id", was_hub},
    {"push_to_hub_organization", was_hub},
    {"push_to_hub_token", was_hub},
    {"ray_scope", was_distributed},
    {"save_safetensors", "leave it out; checkpoints are always safetensors"},
    {"sharded_ddp", was_distributed},
    {"split_batches", was_accelerate},
    {"torchdynamo", "leave it out; torch.compile is part of Python"},
    {"tpu_metrics_debug", was_device},
    {"tpu_num_cores", was_device},
    {"use_ipex", was_device},
    {"use_legacy_prediction_loop", was_loop},
    {"use_mps_device", was_device},
    {"warmup_ratio", "give the share to warmup_steps, which takes it when it is below 1"},
    {"xpu_backend", was_distributed},
};

}  // namespace
}  // namespace arguments

std::string_view removed_argument(std::string_view name) {
  const auto entry = arguments::removed.find(name);
  return entry == arguments::removed.end() ? std::string_view() : entry->second;
}

}  // namespace trainer
