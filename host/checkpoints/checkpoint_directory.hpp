// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

/// The checkpoint-N directories below an output_dir: found, written whole, and deleted.
namespace trainer {

/// The checkpoint with the highest step that is whole; a torn one is named in a warning and
/// skipped. An Error when there is none.
std::filesystem::path newest_checkpoint(const std::filesystem::path& output_dir);

/// The end of a sentence about a damaged one: "; the last good checkpoint is ...", or "; there is no
/// other whole checkpoint beside it".
std::string last_good_hint(const std::filesystem::path& damaged);

/// Deletes the oldest checkpoints down to `limit`, but never the newest nor `best`
/// (rotate_checkpoints of transformers' trainer_utils.py).
void rotate_checkpoints(const std::filesystem::path& output_dir, std::int64_t limit,
                        const std::optional<std::string>& best);
void remove_checkpoints_except(const std::filesystem::path& output_dir, const std::filesystem::path& best);

/// Calls `write` with a temporary directory beside `directory`, flushes what it wrote, and renames
/// it: the checkpoint is whole or not there. On failure the temporary directory is removed.
void write_directory(const std::filesystem::path& directory,
                     const std::function<void(const std::filesystem::path&)>& write);

/// Removes what a killed process left of a checkpoint that it was writing, and says so.
void remove_torn_checkpoints(const std::filesystem::path& output_dir);

}  // namespace trainer
