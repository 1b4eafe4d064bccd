// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "trainer/safetensors.hpp"

namespace trainer {

// Names of the files in a checkpoint directory: transformers' own, and two of ours.
inline constexpr const char* weights_file = "model.safetensors";
inline constexpr const char* state_file = "trainer_state.json";
inline constexpr const char* optimizer_file = "optimizer.pt";
inline constexpr const char* scheduler_file = "scheduler.pt";
inline constexpr const char* scaler_file = "scaler.pt";
inline constexpr const char* rng_file = "rng_state.safetensors";
inline constexpr const char* args_file = "training_args.json";

/// "checkpoint-12" to 12; nothing for other names.
std::optional<std::int64_t> checkpoint_step(const std::filesystem::path& directory);

/// The checkpoint directories below output_dir, oldest first: by step, or by modification time
/// unless all of those lie within a second (sort_checkpoints of transformers' trainer_utils.py).
std::vector<std::filesystem::path> sorted_checkpoints(const std::filesystem::path& output_dir, bool by_time);

/// The checkpoint with the highest step that is whole; a torn one is named in a warning and
/// skipped. An Error when there is none.
std::filesystem::path newest_checkpoint(const std::filesystem::path& output_dir);

/// What is wrong with a checkpoint directory, or nothing: its weights and its state can be read.
std::optional<std::string> checkpoint_damage(const std::filesystem::path& directory);

/// ", the last good checkpoint is ..." for the message about a damaged one; empty when there is
/// none.
std::string last_good_hint(const std::filesystem::path& damaged);

/// Deletes the oldest checkpoints down to `limit`, but never the newest nor `best`
/// (rotate_checkpoints there).
void rotate_checkpoints(const std::filesystem::path& output_dir, std::int64_t limit,
                        const std::optional<std::string>& best);
void remove_checkpoints_except(const std::filesystem::path& output_dir, const std::filesystem::path& best);

/// Calls `write` with a temporary directory beside `directory`, flushes what it wrote, and renames
/// it: the checkpoint is whole or not there. On failure the temporary directory is removed.
void write_directory(const std::filesystem::path& directory,
                     const std::function<void(const std::filesystem::path&)>& write);

/// Removes what a killed process left of a checkpoint that it was writing, and says so.
void remove_torn_checkpoints(const std::filesystem::path& output_dir);

/// State of the default generators (CPU, and the GPU in use), a copy; an info line when the file to
/// load is missing.
NamedTensors rng_state();
void load_rng_state(const std::filesystem::path& checkpoint);

}  // namespace trainer
