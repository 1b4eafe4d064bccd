// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "checkpoints/checkpoint_contents.hpp"
#include "checkpoints/checkpoint_writer.hpp"
#include "trainer/trainer_control.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {

/// Saves the checkpoints of a training, and has on_save fired when one is whole: at once, or with
/// async_save some steps later, as a thread writes it.
class CheckpointSaver {
 public:
  /// `state` and `control` are the trainer's and must outlive it; `on_save` fires the event.
  CheckpointSaver(TrainerState& state, TrainerControl& control, std::function<void()> on_save, bool async_save);

  /// Writes the checkpoint of the state's step below `output_dir`, and deletes the oldest down to
  /// `limit`. With async_save it copies them, and training may go on; only after finish().
  void save(const CheckpointContents& contents, const std::filesystem::path& output_dir,
            std::optional<std::int64_t> limit);
  /// async_save: waits for the checkpoint that is being written, if any, and has its on_save fired.
  void finish();
  /// finish(), if that needs no waiting. Cheap, as it is asked at every step.
  void finish_if_written() {
    if (writer_ && writer_->finished()) finish();
  }
  /// Waits, but without on_save, when an exception ends the training.
  void give_up() noexcept;

  /// Within an on_save of async_save: the checkpoint that it is about. Null otherwise.
  const std::filesystem::path* announced() const { return announced_; }

 private:
  struct Pending {
    std::filesystem::path directory;
    std::int64_t global_step = 0;
    Number epoch = 0;
  };

  TrainerState& state_;
  TrainerControl& control_;
  std::function<void()> on_save_;
  Pending pending_;
  const std::filesystem::path* announced_ = nullptr;
  CheckpointContents copies_;  // their memory is kept for the next: new memory costs more than the copying
  std::unique_ptr<CheckpointWriter> writer_;  // null without async_save; last, as its thread reads the copies
};

}  // namespace trainer
