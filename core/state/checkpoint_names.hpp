// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace trainer {

inline constexpr std::string_view checkpoint_prefix = "checkpoint-";

/// "checkpoint-12", the directory of a step's checkpoint below output_dir.
inline std::string checkpoint_name(std::int64_t step) { return std::string(checkpoint_prefix) + std::to_string(step); }

/// The reverse: nothing for a name that this program does not make, such as "checkpoint-07" or "checkpoint-notes".
inline std::optional<std::int64_t> checkpoint_step(std::string_view name) {
  std::int64_t step = -1;
  if (name.starts_with(checkpoint_prefix))
    std::from_chars(name.data() + checkpoint_prefix.size(), name.data() + name.size(), step);
  if (step < 0 || name != checkpoint_name(step)) return std::nullopt;
  return step;
}

// Names of the files in a checkpoint directory: transformers' own, and four of ours.
inline constexpr const char* weights_file = "model.safetensors";
inline constexpr const char* state_file = "trainer_state.json";
inline constexpr const char* optimizer_file = "optimizer.pt";
inline constexpr const char* scheduler_file = "scheduler.pt";
inline constexpr const char* scaler_file = "scaler.pt";
inline constexpr const char* args_file = "training_args.json";
inline constexpr const char* manifest_file = "checkpoint.json";
inline constexpr const char* plugins_directory = "plugins";  // of each plugin a directory of its own

/// "rng_state.safetensors" of a process alone, "rng_state_1.safetensors" of rank 1 among several.
inline std::string rng_file(int rank, int world) {
  return "rng_state" + (world == 1 ? "" : "_" + std::to_string(rank)) + ".safetensors";
}

}  // namespace trainer
