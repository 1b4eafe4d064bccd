// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "checkpoints/checkpoint_contents.hpp"
#include "checkpoints/checkpoint_writer.hpp"
#include "ranks/process_group.hpp"
#include "trainer/trainer_control.hpp"
#include "trainer/trainer_state.hpp"

namespace trainer {

/// Saves the checkpoints of a training, and has on_save fired when one is whole: at once, or with
/// async_save some steps later, as a thread writes it. Each rank calls it; those that write nothing wait for the
/// others, so that on_save finds the files everywhere.
class CheckpointSaver {
 public:
  /// `state`, `control` and `group` are the trainer's and must outlive it; `on_save` fires the event about a
  /// checkpoint's directory. `writes`: whether this rank is one that writes. `save_files` adds the files of plugins to
  /// such a directory; every rank calls it, those that do not write with an empty path.
  CheckpointSaver(TrainerState& state, TrainerControl& control, ProcessGroup& group, bool writes,
                  std::function<void(const std::filesystem::path&)> save_files,
                  std::function<void(const std::filesystem::path&)> on_save, bool async_save);

  /// Writes the checkpoint of the state's step below `output_dir`, and deletes the oldest down to
  /// `limit`. With async_save it copies them, and training may go on; only after finish().
  void save(const CheckpointContents& contents, const std::filesystem::path& output_dir,
            std::optional<std::int64_t> limit);
  /// async_save: waits for the checkpoint that is being written, if any, and has its on_save fired.
  void finish();
  /// finish(), if no rank would have to wait, and whether it was done. Cheap, as it is asked at every step.
  bool finish_if_written() {
    const bool now = is_pending_ && all_have_written();
    if (now) finish();
    return now;
  }
  /// Waits, but without on_save, when an exception ends the training.
  void give_up() noexcept;

  /// Within an on_save of async_save: the checkpoint that it is about. Null otherwise.
  const std::filesystem::path* announced() const { return announced_; }

 private:
  bool all_have_written();
  struct Pending {
    std::filesystem::path directory;
    std::int64_t global_step = 0;
    Number epoch = 0;
  };

  void copy_state();

  TrainerState& state_;
  TrainerControl& control_;
  ProcessGroup& group_;
  bool writes_, async_;
  std::function<void(const std::filesystem::path&)> save_files_;
  std::function<void(const std::filesystem::path&)> on_save_;
  bool is_pending_ = false;  // async_save: until its on_save, the same on all ranks
  Pending pending_;
  const std::filesystem::path* announced_ = nullptr;
  CheckpointContents copies_;  // their memory is kept for the next: new memory costs more than the copying
  TrainerState copied_state_;
  const json::object* last_copied_ = nullptr;  // the last entry of the history when it was copied
  std::unique_ptr<CheckpointWriter> writer_;   // null where nothing is written so; last, as its thread reads the copies
};

}  // namespace trainer
