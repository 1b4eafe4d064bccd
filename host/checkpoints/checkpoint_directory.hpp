// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "checkpoints/checkpoint_manifest.hpp"

/// The checkpoint-N directories below an output_dir: found, written whole, and deleted.
namespace trainer {

/// The checkpoint with the highest step that is whole; a damaged one is named in a warning and
/// skipped. An Error when there is none.
std::filesystem::path newest_checkpoint(const std::filesystem::path& output_dir);
/// The same, and of this run alone when it is named; empty when there is none.
std::filesystem::path newest_checkpoint_of(const std::filesystem::path& output_dir,
                                           const std::optional<std::string>& run);

/// The end of a sentence about a damaged one: "; the last good checkpoint is ...", or "; there is no
/// other whole checkpoint beside it".
std::string last_good_hint(const std::filesystem::path& damaged);

/// Deletes the run's checkpoints of the lowest steps down to `limit`, but never the one just written, nor `best`
/// (rotate_checkpoints of transformers' trainer_utils.py).
void rotate_checkpoints(const std::filesystem::path& output_dir, const std::filesystem::path& written,
                        std::int64_t limit, const std::optional<std::string>& best, const RunIdentity& run);
/// Deletes the run's other checkpoints, if `best` is among those of the directory.
void remove_checkpoints_except(const std::filesystem::path& output_dir, const std::filesystem::path& best,
                               const RunIdentity& run);
/// The checkpoints that the run did not write, by name.
std::vector<std::string> foreign_checkpoints(const std::filesystem::path& output_dir, const RunIdentity& run);

/// A directory that is written under a hidden name beside its own, so that it is whole or not there. Without finish()
/// it is removed again. Errors: file.write-failed.
class HiddenDirectory {
 public:
  explicit HiddenDirectory(std::filesystem::path directory);  ///< makes it, empty
  ~HiddenDirectory();
  HiddenDirectory(const HiddenDirectory&) = delete;

  /// Calls `write` with the directory's hidden name.
  void write(const std::function<void(const std::filesystem::path&)>& write) const;
  /// Flushes what was written, and gives it its name.
  void finish();

 private:
  std::filesystem::path directory_, hidden_;
  bool finished_ = false;
};

/// Removes what a killed process left of a checkpoint that it was writing, and says so. One that it had moved aside
/// goes back to its place, if none is there.
void remove_torn_checkpoints(const std::filesystem::path& output_dir);

}  // namespace trainer
