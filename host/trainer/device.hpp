// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <ATen/core/Tensor.h>

namespace trainer {

struct TrainingArguments;

/// The first GPU when there is one and the arguments do not say otherwise, or the CPU.
at::Device choose_device(const TrainingArguments& args);

/// The arguments' settings of LibTorch, which hold for the whole process, as in transformers.
void apply_global_settings(const TrainingArguments& args, const at::Device& device);

}  // namespace trainer
