// SPDX-License-Identifier: Apache-2.0
//
// What changes the course of a run beside the flags of an event: requests from other threads, learning rates, and what
// other processes have decided.
#include <algorithm>

#include "border/plugin_call.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/log.hpp"

namespace trainer {

std::size_t CallbackHandler::place_of(const CallbackEntry& entry) const {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.get() == &entry; });
  return static_cast<std::size_t>(found - entries_.begin());
}

std::string CallbackHandler::name_on_rank(std::size_t entry, int rank) const {
  return (entry < entries_.size() ? entries_[entry]->name : "a callback") + " on rank " + std::to_string(rank);
}

void CallbackHandler::note_stop(const CallbackEntry& entry) {
  stopped_by_ = entry.name;
  log::info(entry.name + " stops the training at step " + std::to_string(state_.global_step) + " of " +
            std::to_string(state_.max_steps));
}

bool CallbackHandler::plugin_subscribed(std::uint32_t kind) const {
  return std::any_of(lists_[kind].begin(), lists_[kind].end(), [](const Slot& slot) { return slot.entry->plugin(); });
}

void CallbackHandler::obey_stop_requests() {
  const std::uint32_t requests = stop_requests.load(std::memory_order_acquire);
  if (requests == stops_taken_) return;
  stops_taken_ = requests;
  for (const auto& entry : entries_) {
    if (!entry->take_stop_request() || !entry->on || control_.should_training_stop != 0) continue;
    const TrainerControl before = control_;
    control_.should_training_stop = 1;
    note_stop(*entry);
    if (recorder_) recorder_->between_events("stop_request", state_, before, control_, entry->name, {});
    if (flag_changes_) note_changes(*entry, before);
  }
}

void CallbackHandler::drop_stop_requests() {
  for (const auto& entry : entries_) entry->take_stop_request();
}

void CallbackHandler::take_flag(std::size_t flag, bool value, int rank, std::size_t entry) {
  const auto& [name, field] = control_flags[flag];
  if ((control_.*field != 0) == value) return;
  const TrainerControl before = control_;
  control_.*field = value;
  const std::string by = name_on_rank(entry, rank);
  if (value && field == &trainer_control::should_training_stop) stopped_by_ = by;
  if (value && (field == &trainer_control::should_training_stop || field == &trainer_control::should_epoch_stop))
    log::info(by + " sets " + name + " at step " + std::to_string(state_.global_step));
  if (recorder_) recorder_->between_events("agreement", state_, before, control_, by, {});
}

void CallbackHandler::note_rate(const RateChange& rate) {
  if (!recorder_ && !flag_changes_) return;
  const std::uint32_t name = moment().callback.load(std::memory_order_relaxed);
  for (const auto& list : lists_)
    for (const Slot& slot : list) {
      if (slot.name != name) continue;
      if (flag_changes_) flag_changes_->rates[rate.group] = place_of(*slot.entry);
      if (recorder_) recorder_->rate_set(*slot.entry, rate);
      return;
    }
}

void CallbackHandler::note_agreed_rate(const RateChange& rate, int rank, std::size_t entry) {
  if (recorder_) recorder_->between_events("agreement", state_, control_, control_, name_on_rank(entry, rank), rate);
}

}  // namespace trainer
