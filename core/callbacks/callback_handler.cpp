// SPDX-License-Identifier: Apache-2.0
#include "trainer/callback_handler.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <iterator>
#include <utility>

#include "border/call_check.hpp"
#include "border/map_view.hpp"
#include "border/plugin_call.hpp"
#include "callbacks/native_event.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {

namespace {

constexpr std::string_view control_state = "TrainerControl";

// The states of all stand beside that of the control, by their classes.
void require_own_name(const CallbackEntry& entry) {
  if (entry.class_name == control_state)
    throw_usage(error_id::callback_name_taken, "callback " + entry.name +
                                                   (entry.plugin() ? " (" + entry.plugin()->place() + ")" : "") +
                                                   " is of the class \"" + entry.class_name +
                                                   "\", under which checkpoints hold the trainer's own state; give "
                                                   "the class another name");
}

// Also of those that keep no files: all processes and all resumes count alike.
std::string new_files_directory(const CallbackEntry& entry, const std::vector<std::shared_ptr<CallbackEntry>>& others) {
  const std::string id = entry.plugin() ? entry.plugin()->note.id : entry.name;
  std::string directory = id;
  const auto is_taken = [&](const auto& other) { return other->files_directory == directory; };
  for (int number = 2; std::any_of(others.begin(), others.end(), is_taken); ++number)
    directory = id + "#" + std::to_string(number);
  return directory;
}

}  // namespace

trainer_slot slot_of(const trainer_callback& table, std::uint32_t kind) {
#define TRAINER_SLOT(event) &trainer_callback::event,
  static constexpr trainer_slot trainer_callback::*slots[] = {TRAINER_FOR_EACH_SLOT(TRAINER_SLOT)};
#undef TRAINER_SLOT
  static_assert(std::size(slots) == TRAINER_EVENT_COUNT);
  return table.*slots[kind];
}

std::uint32_t CallbackObjects::has() const {
  return (optimizer ? TRAINER_EVENT_HAS_OPTIMIZER : 0u) | (lr_scheduler ? TRAINER_EVENT_HAS_LR_SCHEDULER : 0u) |
         (train_dataloader ? TRAINER_EVENT_HAS_TRAIN_DATALOADER : 0u) |
         (eval_dataloader ? TRAINER_EVENT_HAS_EVAL_DATALOADER : 0u);
}

CallbackHandler::CallbackHandler(const TrainingArguments& args, TrainerState& state, TrainerControl& control)
    : args_(args), state_(state), control_(control) {}

CallbackHandler::~CallbackHandler() {
  for (auto& list : lists_) list.clear();
  while (!entries_.empty()) entries_.pop_back();
}

void CallbackHandler::add(std::shared_ptr<CallbackEntry> entry) {
  require_own_name(*entry);
  if (entry->on || std::find(entries_.begin(), entries_.end(), entry) != entries_.end())
    throw_usage(
        error_id::callback_invalid,
        "callback " + entry->name + " is added although it is in a run already; pop it before, or make another");
  warn_of_same_name(*entry);
  entry->files_directory = new_files_directory(*entry, entries_);
  entries_.push_back(std::move(entry));
  turn(*entries_.back(), true);
  rebuild();
}

void CallbackHandler::turn(CallbackEntry& entry, bool on) {
  entry.on = on;
  entry.turned(on);
}

void CallbackHandler::warn_of_same_name(const CallbackEntry& entry) const {
  for (const auto& other : entries_) {
    const bool same_class = other->class_name == entry.class_name;
    if (!same_class && other->name != entry.name) continue;
    std::string who = same_class ? "a callback of the class " + entry.class_name : "a callback called " + entry.name;
    if (same_class && other->name != entry.name) who += " (" + entry.name + ")";
    const std::string first = same_class && other->name != entry.name ? " (" + other->name + ")" : "";
    return log::warning(who + " is added although there is one already" + first + "; both will be called");
  }
}

std::shared_ptr<CallbackEntry> CallbackHandler::pop(const CallbackEntry* entry) {
  const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const auto& e) { return e.get() == entry; });
  if (found == entries_.end()) return nullptr;
  auto popped = std::move(*found);
  entries_.erase(found);
  turn(*popped, false);
  if (depth_ > 0) removed_.push_back(popped);
  rebuild();
  return popped;
}

void CallbackHandler::rebuild() {
  listening_ = 0;
  // Within an event nothing may move, or the one after a callback that goes would be passed over: its place is
  // emptied, and new ones come to the end.
  changed_ = depth_ > 0;
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
    auto& list = lists_[kind];
    if (!changed_) list.clear();
    for (Slot& slot : list)
      if (!slot.entry->on) slot.function = nullptr;
    for (const auto& entry : entries_) {
      const auto function = slot_of(*entry->table, kind);
      const auto has_entry = [&](const Slot& slot) { return slot.function && slot.entry == entry.get(); };
      if (function && entry->on && std::none_of(list.begin(), list.end(), has_entry))
        list.push_back({function, entry->table, entry.get(), known_name(entry->name, entry->isolation() != nullptr)});
    }
    if (recorder_ || !list.empty()) listening_ |= 1u << kind;
  }
}

void CallbackHandler::end_event() {
  if (--depth_ > 0) return;
  if (std::exchange(changed_, false)) rebuild();
  removed_.clear();
}

// How many events the time of this one stands for; 0: it is not timed. A clock costs more than many a
// callback, so those of each step are sampled, in a long run seldom, and never the first, which is not like the others.
std::uint32_t CallbackHandler::timing_weight(std::uint32_t kind) {
  constexpr std::uint32_t within_a_step = 1u << TRAINER_ON_STEP_BEGIN | 1u << TRAINER_ON_PRE_OPTIMIZER_STEP |
                                          1u << TRAINER_ON_OPTIMIZER_STEP | 1u << TRAINER_ON_SUBSTEP_END |
                                          1u << TRAINER_ON_STEP_END | 1u << TRAINER_ON_PREDICTION_STEP;
  if ((within_a_step >> kind & 1u) == 0) return 1;
  const std::uint32_t number = dispatched_[kind]++, every = number < 4096 ? 64 : 1024;
  return number % every == every / 2 ? every : 0;
}

// Adds the call's time to `seconds`, as that of `weight` calls.
static std::int32_t timed_call(trainer_slot function, trainer_callback* table, const trainer_event& event,
                               std::uint32_t weight, double& seconds) {
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  const std::int32_t status = function(table, &event);
  seconds += weight * std::chrono::duration<double>(Clock::now() - begin).count();
  return status;
}

// Inline, as it is called for each callback of each event.
inline std::int32_t CallbackHandler::call(const Slot& slot, const trainer_event& event, std::uint32_t weight,
                                          AskedFor& asked) {
  ++slot.entry->cost.calls;
  asked.is(slot.name);
  // The SDK lets no exception out; a plugin that is written without it might.
  try {
    if (weight == 0) return slot.function(slot.table, &event);
    return timed_call(slot.function, slot.table, event, weight, slot.entry->cost.seconds);
  } catch (const std::exception& e) {
    failure_ = {error_id::callback_threw, std::string("an exception left it, which is not allowed: ") + e.what()};
  } catch (...) {
    failure_ = {error_id::callback_threw, "an exception left it, which is not allowed"};
  }
  return TRAINER_ERROR;
}

void CallbackHandler::dispatch(std::uint32_t kind, json::object* values) {
  if (failures_between_events.load(std::memory_order_relaxed) != failures_told_) tell_failures_between_events();
  trainer_state view;
  state_.fill(view);
  MapView map(values, false);
  NativeEvent event;
  static_cast<trainer_event&>(event) = {
      sizeof(trainer_event),         kind,           &view, &control_,
      values ? &map : nullptr,       objects_.has(), 0,     objects_.eval_dataloader_size,
      objects_.train_dataloader_size};
  event.native_args = &args_;
  event.native_state = &state_;
  event.native_control = &control_;
  event.native_values = values;
  event.objects = &objects_;
  if (recorder_) recorder_->begin(kind, state_, control_, values, event.has);
  const std::uint32_t weight = timing_weight(kind);
  AskedFor asked(moment(), kind);  // perhaps within another: a C++ callback may evaluate within an event
  asked.at(state_.global_step);
  const auto& list = lists_[kind];
  const bool watched = recorder_ || call_check::on;
  TrainerControl before = control_;
  ++depth_;
  try {
    // By index, because a callback may add others while the list is walked: first those that were there, then those
    // that they added. What these add has its turn in the next event, or one that goes and comes again had it for ever.
    std::size_t i = 0;
    for (int turn = 0; turn < 2; ++turn)
      for (const std::size_t end = list.size(); i < end; ++i) {
        if (!list[i].function) continue;  // removed or disabled in this event
        CallbackEntry& entry = *list[i].entry;
        const std::int32_t status = call(list[i], event, weight, asked);
        // Most callbacks leave the control as it was, and then there is nothing to look at.
        if (status == TRAINER_OK && !watched && std::memcmp(&control_, &before, sizeof before) == 0) [[likely]]
          continue;
        asked.is(0);
        after_call(entry, kind, status, before);
        before = control_;
      }
  } catch (...) {
    end_event();
    if (recorder_) recorder_->failed();
    throw;
  }
  end_event();
  if (recorder_) recorder_->end(control_);
}

void CallbackHandler::after_call(CallbackEntry& entry, std::uint32_t kind, std::int32_t status,
                                 const TrainerControl& before) {
  if (call_check::on && broke_rule(entry)) status = TRAINER_ERROR;
  const std::uint32_t bits = control_.should_training_stop | control_.should_epoch_stop | control_.should_save |
                             control_.should_evaluate | control_.should_log;
  if (status != TRAINER_OK || bits > 1) {
    if (bits > 1) control_ = before;
    failed(entry, kind, status);
  }
  if (control_.should_training_stop > before.should_training_stop && state_.global_step < state_.max_steps)
    note_stop(entry);
  if (recorder_) recorder_->called(entry, before, control_);
  if (flag_changes_) note_changes(entry, before);
}

void CallbackHandler::note_changes(const CallbackEntry& entry, const TrainerControl& before) {
  const auto native = entry.native();
  if (const auto* object = native.get(); object && typeid(*object) == typeid(DefaultFlowCallback)) return;
  for (std::size_t i = 0; i < control_flags.size(); ++i)
    if (before.*control_flags[i].field != control_.*control_flags[i].field) flag_changes_->by[i] = place_of(entry);
}

bool CallbackHandler::broke_rule(const CallbackEntry& entry) {
  if (!entry.plugin()) return false;
  std::string misuse = call_check::take_misuse(entry.plugin()->note.id);
  if (misuse.empty()) misuse = call_check::take_misuse(entry.name);  // it may have another name in this run
  if (!misuse.empty()) failure_ = {error_id::callback_misuse, "it " + misuse};
  return !misuse.empty();
}

void CallbackHandler::failed(CallbackEntry& entry, std::uint32_t kind, std::int32_t status) {
  if (const auto known = entry.take_failure()) return failed(entry, *known);
  Failure failure = std::exchange(failure_, {error_id::callback_failed, {}});
  if (failure.reason.empty()) failure.reason = entry.take_error();
  if (failure.reason.empty() && status == TRAINER_OK)
    failure = {error_id::callback_flag, "it set a control flag to something other than 0 and 1"};
  if (failure.reason.empty()) failure.reason = "it gave no reason (status " + std::to_string(status) + ")";
  const std::string sentence = "callback " + entry.name + " failed in " + std::string(event_name(kind)) + " at step " +
                               std::to_string(state_.global_step) + ": " + failure.reason;
  failed(entry, Error(ErrorKind::run, failure.id, sentence, entry.take_cause()));
}

void CallbackHandler::failed(CallbackEntry& entry, const Error& error) {
  ++entry.cost.errors;
  if (entry.on_error == OnError::fail) throw Error(error);
  bool on = entry.on_error == OnError::warn;
  std::string consequence = on ? "; the run goes on" : "; the run goes on without it";
  std::optional<Error> next;
  if (entry.on_error == OnError::restart) {
    Restarted restarted = entry.restart();
    on = restarted.again;
    if (!restarted.consequence.empty()) consequence = restarted.consequence;
    next = std::move(restarted.failure);
  }
  log::warning(with_id(error.sentence() + consequence, error.id()));
  if (next) return failed(entry, *next);  // which is tried a few times at most
  if (on) return;
  turn(entry, false);
  rebuild();
}

void CallbackHandler::tell_failures_between_events() {
  failures_told_ = failures_between_events.load(std::memory_order_relaxed);
  for (std::size_t i = 0; i < entries_.size(); ++i)
    if (const auto failure = entries_[i]->take_failure_between_events()) failed(*entries_[i], *failure);
}

// A plugin's is an Error already; what a C++ callback throws gets its name.
template <typename F>
static auto as_error(const CallbackEntry& entry, const char* failed, F&& function) {
  const std::string sentence = "callback " + entry.name + " " + failed + ": ";
  try {
    return function();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    throw_run(error_id::callback_threw, sentence + e.what());
  } catch (...) {
    throw_run(error_id::callback_threw, sentence + "an exception left it, which is not allowed");
  }
}

json::object CallbackHandler::collect_states() {
  json::object states;
  auto add = [&](const std::string& name, json::object state) {
    auto* present = states.if_contains(name);
    if (!present) {
      states.emplace(name, std::move(state));
    } else if (present->is_array()) {
      present->get_array().push_back(std::move(state));
    } else {
      *present = json::array{*present, std::move(state)};
    }
  };
  for (const auto& entry : entries_) {
    if (!entry->stateful() || !entry->on) continue;
    try {
      add(entry->class_name, as_error(*entry, "could not give its state", [&] { return entry->state(); }));
    } catch (const Error& e) {
      failed(*entry, e);
    }
  }
  add(std::string(control_state), control_.state());
  return states;
}

void CallbackHandler::refresh_states(json::object& states) {
  for (auto& entry : collect_states()) states.insert_or_assign(entry.key(), std::move(entry.value()));
}

void CallbackHandler::restore_states(const json::object& states) {
  std::string missing;
  const bool elsewhere = std::any_of(entries_.begin(), entries_.end(), [](const auto& e) { return e->elsewhere(); });
  for (const auto& stored : states) {
    const std::string name(stored.key());
    const json::array list = stored.value().is_array() ? stored.value().get_array() : json::array{stored.value()};
    if (name == control_state) {
      if (!list.empty() && list[0].is_object()) control_.load_state(list[0].get_object());
      continue;
    }
    std::vector<std::shared_ptr<CallbackEntry>> present;
    for (const auto& entry : entries_)
      if (entry->stateful() && entry->class_name == name) present.push_back(entry);
    // A plugin that another process has may keep a state under any name.
    if (present.empty() && !elsewhere) missing += (missing.empty() ? "" : ", ") + name;
    for (std::size_t i = 0; i < present.size() && i < list.size(); ++i) {
      if (!list[i].is_object()) continue;
      CallbackEntry& old = *present[i];
      auto replacement = present[i];
      bool on = true;  // one that was disabled begins anew
      try {
        replacement = as_error(old, "refused its stored state", [&] { return old.restored(list[i].get_object()); });
      } catch (const Error& e) {
        failed(old, e);
        on = old.on;
      }
      require_own_name(*replacement);
      replacement->files_directory = old.files_directory;
      pop(&old);
      turn(*replacement, on);
      entries_.push_back(std::move(replacement));
    }
  }
  rebuild();
  if (!missing.empty())
    log::warning("the checkpoint holds states of " + missing + ", which this run does not use; they are not restored");
}

}  // namespace trainer
