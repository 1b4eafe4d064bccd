// SPDX-License-Identifier: Apache-2.0
//
// An event as bytes, with what has changed of the run since the one before.
#pragma once

#include <trainer/control.h>

#include <optional>
#include <string>
#include <string_view>

#include "trainer/host_context.hpp"
#include "trainer/json.hpp"
#include "trainer/trainer_state.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::isolation {

struct Event {
  std::uint32_t kind = 0;
  std::uint32_t has = 0;  ///< as in trainer_event, as the rest
  std::int64_t eval_dataloader_size = -1;
  std::int64_t train_dataloader_size = -1;
};

/// In the trainer's process. One writer for each process that reads.
class EventWriter {
 public:
  /// `values` and `places` may be null. The bytes stay until the next call.
  std::string_view write(const Event& event, const TrainingArguments& args, const TrainerState& state,
                         const trainer_control& control, const json::object* values,
                         const CheckpointPlaces* places = nullptr);

 private:
  bool history_changed(const TrainerState& state, bool within_a_step);
  bool is_last(const json::object& entry);
  void append_history(const TrainerState& state);

  std::string bytes_, scratch_;
  bool first_ = true;
  // What the reader knows.
  std::optional<std::string> best_model_checkpoint_, trial_name_;
  CheckpointPlaces places_;
  std::string rest_, arguments_;        // as bytes, since a NaN in JSON is not equal to itself
  std::uint64_t entries_ = 0;           // of log_history
  const json::object* last_ = nullptr;  // where its last entry stood, and
  std::string last_entry_;              // what it was
};

/// In the plugin's process: the event, with the run as it is then.
struct EventReader {
  Event event;
  TrainingArguments args;
  TrainerState state;
  trainer_control control{};
  CheckpointPlaces places;
  std::optional<json::object> values;

  /// A std::runtime_error for bytes that no EventWriter writes.
  void read(std::string_view bytes);
};

/// All arguments by name, as update() takes them.
json::object arguments_to_json(const TrainingArguments& args);

/// The events that come for every step or batch.
bool is_within_a_step(std::uint32_t kind);

}  // namespace trainer::isolation
