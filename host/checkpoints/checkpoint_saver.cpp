// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_saver.hpp"

#include <utility>

#include "checkpoints/checkpoint_directory.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;

CheckpointSaver::CheckpointSaver(TrainerState& state, TrainerControl& control, ProcessGroup& group, bool writes,
                                 std::function<void()> on_save, bool async_save)
    : state_(state),
      control_(control),
      group_(group),
      writes_(writes),
      async_(async_save),
      on_save_(std::move(on_save)),
      writer_(writes && async_save ? std::make_unique<CheckpointWriter>() : nullptr) {}

void CheckpointSaver::save(const CheckpointContents& contents, const fs::path& output_dir,
                           std::optional<std::int64_t> limit) {
  const fs::path directory = output_dir / checkpoint_name(state_.global_step);
  const auto write = [=](const CheckpointContents& what, const TrainerState& state) {
    write_directory(directory, [&](const fs::path& to) { write_contents(to, what, state); });
    if (limit) rotate_checkpoints(output_dir, directory, *limit, state.best_model_checkpoint, what.run);
  };
  if (!async_) {
    if (writes_) write(contents, state_);
    group_.barrier();
    return on_save_();
  }
  pending_ = {directory, state_.global_step, state_.epoch};
  if (writer_) {
    copy_contents(contents, copies_);
    writer_->start([write, &copies = copies_, state = state_] { write(copies, state); });
  }
  is_pending_ = true;
  control_.should_save = 0;  // as on_save will; until then it would ask for the same again
}

bool CheckpointSaver::all_have_written() {
  std::int64_t written = !writer_ || writer_->finished();
  group_.min_of({&written, 1});
  return written != 0;
}

void CheckpointSaver::finish() {
  if (!is_pending_) return;
  is_pending_ = false;
  if (writer_) writer_->wait();
  group_.barrier();
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
  is_pending_ = false;
  if (writer_ && writer_->pending()) writer_->wait();
} catch (const std::exception& e) {
  log::warning(std::string("the checkpoint that was being written is lost: ") + e.what());
}

}  // namespace trainer
