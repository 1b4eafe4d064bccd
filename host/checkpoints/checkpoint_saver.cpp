// SPDX-License-Identifier: Apache-2.0
#include "checkpoints/checkpoint_saver.hpp"

#include <cstddef>
#include <utility>

#include "checkpoints/checkpoint_directory.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;

CheckpointSaver::CheckpointSaver(TrainerState& state, TrainerControl& control, ProcessGroup& group, bool writes,
                                 std::function<void(const fs::path&)> save_files,
                                 std::function<void(const fs::path&)> on_save, bool async_save)
    : state_(state),
      control_(control),
      group_(group),
      writes_(writes),
      async_(async_save),
      save_files_(std::move(save_files)),
      on_save_(std::move(on_save)),
      writer_(writes && async_save ? std::make_unique<CheckpointWriter>() : nullptr) {}

void CheckpointSaver::save(const CheckpointContents& contents, const fs::path& output_dir,
                           std::optional<std::int64_t> limit) {
  const fs::path directory = output_dir / checkpoint_name(state_.global_step);
  // What plugins write is of this moment, also with async_save.
  const auto hidden = writes_ ? std::make_shared<HiddenDirectory>(directory) : nullptr;
  if (hidden)
    hidden->write(save_files_);
  else
    save_files_({});
  const auto write = [=](const CheckpointContents& what, const TrainerState& state) {
    hidden->write([&](const fs::path& to) { write_contents(to, what, state); });
    hidden->finish();
    if (limit) rotate_checkpoints(output_dir, directory, *limit, state.best_model_checkpoint, what.run);
  };
  if (!async_) {
    if (writes_) write(contents, state_);
    group_.barrier();
    return on_save_(directory);
  }
  pending_ = {directory, state_.global_step, state_.epoch};
  if (writer_) {
    copy_contents(contents, copies_);
    copy_state();
    writer_->start([write, this] { write(copies_, copied_state_); });
  }
  is_pending_ = true;
  control_.should_save = 0;  // as on_save will; until then it would ask for the same again
}

bool CheckpointSaver::all_have_written() {
  std::int64_t written = !writer_ || writer_->finished();
  group_.min_of({&written, 1});
  return written != 0;
}

// Entries of the history never change, so that those since the last copy are enough: they follow the entry that was the
// last then, which stays where it is while it is there. With a limit the oldest are gone.
void CheckpointSaver::copy_state() {
  std::deque<json::object> copied = std::move(copied_state_.log_history);
  struct Aside {  // while the rest of the state is copied
    std::deque<json::object>& place;
    std::deque<json::object> history = std::move(place);
    ~Aside() { place = std::move(history); }
  } aside{state_.log_history};
  const auto& history = aside.history;
  copied_state_ = state_;
  std::size_t fresh = 0;
  while (fresh < history.size() && &history[history.size() - 1 - fresh] != last_copied_) ++fresh;
  const std::size_t known = history.size() - fresh;
  if (known > 0 && known <= copied.size() && history[known - 1] == copied.back()) {
    while (copied.size() > known) copied.pop_front();
    copied.insert(copied.end(), history.begin() + static_cast<std::ptrdiff_t>(known), history.end());
  } else {
    copied = history;
  }
  last_copied_ = history.empty() ? nullptr : &history.back();
  copied_state_.log_history = std::move(copied);
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
  on_save_(pending_.directory);
}

void CheckpointSaver::give_up() noexcept try {
  is_pending_ = false;
  if (writer_ && writer_->pending()) writer_->wait();
} catch (const std::exception& e) {
  log::warning(std::string("the checkpoint that was being written is lost: ") + e.what());
}

}  // namespace trainer
