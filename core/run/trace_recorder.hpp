// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdio>
#include <filesystem>
#include <optional>

#include "trainer/callback_handler.hpp"

namespace trainer {

/// --record: the audit of a run. Writes DIR/trace.jsonl, an event a line in order, and copies each
/// checkpoint's trainer_state.json to DIR/checkpoint-N.trainer_state.json when on_save fires.
/// Keys of a line: event, global_step, epoch, max_steps, control (after the handler's reset),
/// control_after (null when the event failed), logs or metrics (as the first callback sees them),
/// has, action, and changed_by when a callback changed flags or learning rates. A line with the event "agreement" has
/// what a callback of another process decided, one with "stop_request" what a plugin asked for between two events.
class TraceRecorder : public EventRecorder {
 public:
  explicit TraceRecorder(std::filesystem::path directory);
  ~TraceRecorder() override;

  /// Index of the run file's action that goes on, and where its checkpoints are.
  void set_action(std::int64_t index) { action_ = index; }
  void set_output_dir(std::filesystem::path output_dir) { output_dir_ = std::move(output_dir); }
  const std::filesystem::path& directory() const { return directory_; }

  void begin(std::uint32_t kind, const TrainerState&, const TrainerControl&, const json::object* values,
             std::uint32_t has) override;
  void called(const CallbackEntry&, const TrainerControl& before, const TrainerControl& after) override;
  void end(const TrainerControl&) override;
  void failed() override;
  void rate_set(const CallbackEntry&, const RateChange&) override;
  void between_events(std::string_view what, const TrainerState&, const TrainerControl& before,
                      const TrainerControl& after, const std::string& by,
                      const std::optional<RateChange>& rate) override;

  void finish();  ///< flushes

 private:
  void write_last();
  std::filesystem::path directory_;
  std::filesystem::path output_dir_;
  std::FILE* file_ = nullptr;
  std::int64_t action_ = 0;
  std::vector<json::object> pending_;  // a stack: an event may fire within another
  std::vector<json::array> changes_;
};

}  // namespace trainer
