// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_saver.hpp"

#include <utility>

#include "checkpoints/checkpoint_directory.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;

CheckpointSaver::CheckpointSaver(TrainerState& state, TrainerControl& control, std::function<void()> on_save,
                                 bool async_save)
    : state_(state),
      control_(control),
      on_save_(std::move(on_save)),
      writer_(async_save ? std::make_unique<CheckpointWriter>() : nullptr) {}

void CheckpointSaver::save(const CheckpointContents& contents, const fs::path& output_dir,
                           std::optional<std::int64_t> limit) {
  const fs::path directory = output_dir / checkpoint_name(state_.global_step);
  const auto write = [=](const CheckpointContents& what, const TrainerState& state) {
    write_directory(directory, [&](const fs::path& to) { write_contents(to, what, state); });
    if (limit) rotate_checkpoints(output_dir, directory, *limit, state.best_model_checkpoint, what.run);
  };
  if (!writer_) {
    write(contents, state_);
    return on_save_();
  }
  copy_contents(contents, copies_);
  pending_ = {directory, state_.global_step, state_.epoch};
  writer_->start([write, &copies = copies_, state = state_] { write(copies, state); });
  control_.should_save = 0;  // as on_save will; until then it would ask for the same again
}

void CheckpointSaver::finish() {
  if (!writer_ || !writer_->pending()) return;
  writer_->wait();
  // Callbacks see the step that was saved, because trackers name the checkpoint by it.
  struct Announcement {
    CheckpointSaver& saver;
    std::int64_t step = std::exchange(saver.state_.global_step, saver.pending_.global_step);
    Number epoch = std::exchange(saver.state_.epoch, saver.pending_.epoch);
    std::uint32_t should_save = saver.control_.should_save;
    explicit Announcement(CheckpointSaver& s) : saver(s) { s.announced_ = &s.pending_.directory; }
    ~Announcement() {
      saver.announced_ = nullptr;
      saver.state_.global_step = step;
      saver.state_.epoch = epoch;
      saver.control_.should_save |= should_save;  // asked for since, and another checkpoint
    }
  } const announcement(*this);
  on_save_();
}

void CheckpointSaver::give_up() noexcept try {
  if (writer_ && writer_->pending()) writer_->wait();
} catch (const std::exception& e) {
  log::warning(std::string("the checkpoint that was being written is lost: ") + e.what());
}

}  // namespace trainer
