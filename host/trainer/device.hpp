// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>

namespace trainer {

class ProcessGroup;
struct Ranks;
struct TrainingArguments;

/// The GPU of this rank's number on its machine. An Error (ranks.environment-invalid, usage) when `gpus`, those of the
/// machine, are fewer than its ranks.
at::Device gpu_of(const Ranks& ranks, int gpus);

/// That GPU, which becomes the current one, when there are GPUs and the arguments do not say otherwise; or the CPU.
at::Device choose_device(const TrainingArguments& args, const Ranks& ranks);

/// This process's group, which is made when it is first asked for.
std::shared_ptr<ProcessGroup> group_of(const TrainingArguments& args, const at::Device& device);

/// The arguments' settings of LibTorch, which hold for the whole process, as in transformers.
void apply_global_settings(const TrainingArguments& args, const at::Device& device);

}  // namespace trainer
