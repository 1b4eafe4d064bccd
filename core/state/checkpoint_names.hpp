// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace trainer {

inline constexpr std::string_view checkpoint_prefix = "checkpoint-";

/// "checkpoint-12", the directory of a step's checkpoint below output_dir.
inline std::string checkpoint_name(std::int64_t step) { return std::string(checkpoint_prefix) + std::to_string(step); }

// Names of the files in a checkpoint directory: transformers' own, and two of ours.
inline constexpr const char* weights_file = "model.safetensors";
inline constexpr const char* state_file = "trainer_state.json";
inline constexpr const char* optimizer_file = "optimizer.pt";
inline constexpr const char* scheduler_file = "scheduler.pt";
inline constexpr const char* scaler_file = "scaler.pt";
inline constexpr const char* rng_file = "rng_state.safetensors";
inline constexpr const char* args_file = "training_args.json";

}  // namespace trainer
