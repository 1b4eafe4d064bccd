// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/callback.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/callback_entry.hpp"
#include "trainer/error_ids.hpp"
#include "trainer/flag_changes.hpp"

namespace trainer {

class AskedFor;

/// The learning rate that a group of the optimizer has got from a callback.
struct RateChange {
  std::size_t group;
  double lr;
};

/// Sees every event of a run; used by --record. `entry` is null before the first callback.
class EventRecorder {
 public:
  virtual ~EventRecorder() = default;
  virtual void begin(std::uint32_t kind, const TrainerState&, const TrainerControl&, const json::object* values,
                     std::uint32_t has) = 0;
  virtual void called(const CallbackEntry&, const TrainerControl& before, const TrainerControl& after) = 0;
  virtual void end(const TrainerControl&) = 0;
  virtual void failed() = 0;  ///< instead of end(), when a callback ended the run
  /// Within an event: a plugin has set the learning rate of one of the optimizer's groups.
  virtual void rate_set(const CallbackEntry&, const RateChange&) {}
  /// Between two events: "agreement", another process of the run has decided a flag or a rate, or "stop_request", a
  /// plugin has asked for the end. `by`: "early_stopping on rank 1".
  virtual void between_events(std::string_view /*what*/, const TrainerState&, const TrainerControl& /*before*/,
                              const TrainerControl& /*after*/, const std::string& /*by*/,
                              const std::optional<RateChange>& /*rate*/) {}
};

/// Calls the callbacks of a run in order, for one event after another. As in transformers, it first
/// resets the flags that the event consumes, and hands the same control and the same logs to all.
class CallbackHandler {
 public:
  /// `state` and `control` are the trainer's and must outlive the handler.
  CallbackHandler(const TrainingArguments& args, TrainerState& state, TrainerControl& control);
  ~CallbackHandler();  ///< ends the callbacks in the reverse order of their addition

  /// An Error for an entry that is there already; a warning for a second one of a class, as in transformers.
  void add(std::shared_ptr<CallbackEntry> entry);
  /// Removes the entry; null when it is not there. It lives on until the current event has ended.
  std::shared_ptr<CallbackEntry> pop(const CallbackEntry* entry);
  const std::vector<std::shared_ptr<CallbackEntry>>& entries() const { return entries_; }

  /// Resets, dispatch and fold of one event (TRAINER_ON_...). `values` are the logs or metrics.
  /// Throws an Error that names callback, event and step when a callback with OnError::fail fails.
  /// Inline, because most events of a step have no listener and shall cost a test of one bit.
  void call_event(std::uint32_t kind, json::object* values = nullptr) {
    reset_flags(kind);
    if (listens(kind)) dispatch(kind, values);
  }

  /// Whether anybody listens: lets a caller leave out work that only the event needs.
  bool listens(std::uint32_t kind) const { return (listening_ >> kind & 1u) != 0; }

  /// Whether a callback has subscribed it, whoever else looks on.
  bool subscribed(std::uint32_t kind) const { return !lists_[kind].empty(); }
  bool plugin_subscribed(std::uint32_t kind) const;  ///< a plugin of this process

  /// Raises should_training_stop where a plugin has asked for the end since the last call, on whatever thread; to be
  /// called between events, where the flags are looked at next.
  void obey_stop_requests();
  void drop_stop_requests();  ///< there is nothing to end

  /// Notes from now on who changes flags; null: no more.
  void watch_flags(FlagChanges* changes) { flag_changes_ = changes; }
  /// Takes over a flag, by its place in control_flags, that a callback of another process decided.
  void take_flag(std::size_t flag, bool value, int rank, std::size_t entry);

  /// A plugin, the callback that is being called, has given a group another learning rate.
  void note_rate(const RateChange& rate);
  /// The same of a callback of another process, which has decided it.
  void note_agreed_rate(const RateChange& rate, int rank, std::size_t entry);

  void set_recorder(EventRecorder* recorder) {
    recorder_ = recorder;
    rebuild();
  }

  /// What callbacks may reach from now on.
  CallbackObjects& objects() { return objects_; }
  const CallbackObjects& objects() const { return objects_; }

  /// `stateful_callbacks` of a new state: every exportable callback, then TrainerControl.
  json::object collect_states();
  /// Refreshes them before a save; what no callback of this run owns is carried through.
  void refresh_states(json::object& states);
  /// restore_callback_states_from_checkpoint: replaces callbacks by new ones with the stored state,
  /// at the end of the list; TrainerControl too. Warns of names that no callback has.
  void restore_states(const json::object& states);

  /// Tells each callback how the training ended; one that fails then ends the run when its on_error is `fail`, after
  /// all are told, and is a warning otherwise, and of a run that has failed already.
  void tell_outcome(const TrainingOutcome& outcome);
  /// Where all say that their results are.
  std::vector<PluginResult> results();
  /// The files of plugins in a checkpoint: each has a directory of its own below this one, which save_files() makes
  /// and leaves away if nobody has a file.
  /// @{
  void save_files(const std::filesystem::path& directory);
  void load_files(const std::filesystem::path& directory);
  /// @}
  /// Which callback was the last to ask for the training's end, since forget_stop(); empty: none.
  /// @{
  const std::string& stopped_by() const { return stopped_by_; }
  void forget_stop() { stopped_by_.clear(); }
  /// @}

 private:
  struct Slot {
    trainer_slot function;  ///< null: the callback was removed or disabled in the event that is under way
    trainer_callback* table;
    CallbackEntry* entry;
    std::uint32_t name;  ///< the entry's, as known_name() knows it
  };
  void warn_of_same_name(const CallbackEntry& entry) const;
  static void turn(CallbackEntry& entry, bool on);
  void rebuild();
  void end_event();
  std::uint32_t timing_weight(std::uint32_t kind);
  std::int32_t call(const Slot& slot, const trainer_event& event, std::uint32_t weight, AskedFor& asked);
  void dispatch(std::uint32_t kind, json::object* values);
  void reset_flags(std::uint32_t kind) {
    switch (kind) {
      case TRAINER_ON_TRAIN_BEGIN:
        control_.should_training_stop = 0;
        break;
      case TRAINER_ON_EPOCH_BEGIN:
        control_.should_epoch_stop = 0;
        break;
      case TRAINER_ON_STEP_BEGIN:
        control_.should_log = control_.should_evaluate = control_.should_save = 0;
        break;
      case TRAINER_ON_EVALUATE:
        control_.should_evaluate = 0;
        break;
      case TRAINER_ON_SAVE:
        control_.should_save = 0;
        break;
      case TRAINER_ON_LOG:
        control_.should_log = 0;
        break;
      default:
        break;
    }
  }
  /// After a callback that failed, changed the control, or is watched; `before` is the control that it was given.
  void after_call(CallbackEntry& entry, std::uint32_t kind, std::int32_t status, const TrainerControl& before);
  bool broke_rule(const CallbackEntry& entry);  ///< with TRAINER_CHECK_PLUGINS=1: what it called that it must not
  void note_changes(const CallbackEntry& entry, const TrainerControl& before);
  std::size_t place_of(const CallbackEntry& entry) const;  ///< among entries()
  std::string name_on_rank(std::size_t entry, int rank) const;
  void note_stop(const CallbackEntry& entry);
  void failed(CallbackEntry& entry, std::uint32_t kind, std::int32_t status);
  void failed(CallbackEntry& entry, const Error& error);  ///< does what its on_error says
  void tell_failures_between_events();

  const TrainingArguments& args_;
  TrainerState& state_;
  TrainerControl& control_;
  std::vector<std::shared_ptr<CallbackEntry>> entries_;
  std::array<std::vector<Slot>, TRAINER_EVENT_COUNT> lists_;     ///< subscribed slots per event
  std::vector<std::shared_ptr<CallbackEntry>> removed_;          ///< kept alive during an event
  std::array<std::uint32_t, TRAINER_EVENT_COUNT> dispatched_{};  ///< events of each kind, for sampling
  std::uint32_t failures_told_ = 0;                              ///< of failures_between_events
  std::uint32_t stops_taken_ = 0;                                ///< of stop_requests
  int depth_ = 0;                                                ///< of events within events
  bool changed_ = false;                                         ///< in the event that is under way
  struct Failure {
    ErrorId id;
    std::string reason;
  };
  Failure failure_{error_id::callback_failed, {}};  ///< of the last callback, where it gave no sentence itself
  std::string stopped_by_;
  EventRecorder* recorder_ = nullptr;
  FlagChanges* flag_changes_ = nullptr;
  CallbackObjects objects_;
  std::uint32_t listening_ = 0;  ///< a bit for each event that somebody subscribed; all with a recorder
};

/// The slot of one event in a table.
trainer_slot slot_of(const trainer_callback& table, std::uint32_t kind);

}  // namespace trainer
