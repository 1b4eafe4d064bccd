// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace trainer {

class DataLoader;
struct TrainingArguments;

/// What train() knows of its length.
struct TrainingPlan {
  std::int64_t num_train_epochs = 0, num_update_steps_per_epoch = 0, steps_in_epoch = 0, max_steps = 0;
  std::int64_t gradient_accumulation_steps = 1;
  double num_train_samples = 0;
  /// The loader does not know its length: an epoch ends where the stream does, and max_steps alone says how many there
  /// are; the numbers of an epoch are those of max_steps.
  bool is_stream = false;

  /// Micro-batches of an epoch's update; the last one may have fewer.
  std::int64_t window_size(std::int64_t update) const;
  /// Whether an update follows micro-batch `step` of an epoch.
  bool ends_window(std::int64_t step) const {
    return (step + 1) % gradient_accumulation_steps == 0 || step + 1 == steps_in_epoch;
  }
};

/// set_initial_training_values of transformers, of one of `world` processes, whose batches the loader has. An Error
/// when it has none.
TrainingPlan plan_training(const TrainingArguments& args, std::int64_t train_batch_size, const DataLoader& loader,
                           int world = 1);

/// Where train() begins: at the start, or where a checkpoint was written.
struct ResumePoint {
  std::optional<std::filesystem::path> checkpoint;
  std::int64_t epochs_trained = 0;
  std::int64_t steps_trained_in_current_epoch = 0;  ///< micro-batches to skip
};

}  // namespace trainer
