// SPDX-License-Identifier: Apache-2.0
//
// A callback as a run keeps it, be it a plugin or an object in C++.
#pragma once

#include <trainer/callback.h>

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <typeinfo>
#include <vector>

#include "trainer/error.hpp"
#include "trainer/plugin_results.hpp"
#include "trainer/trainer_callback.hpp"
#include "trainer/training_outcome.hpp"

namespace trainer {

struct HostContext;
struct Isolation;
struct PluginFile;

/// What to do when a callback fails.
enum class OnError {
  fail,     ///< end the run; the default for callbacks
  warn,     ///< one warning each time, and go on
  disable,  ///< one warning, and the callback is not called again; the default for trackers
  restart,  ///< of a plugin in a process of its own: one warning, and a new process, at most three times
};

/// What came of an OnError::restart.
struct Restarted {
  bool again = false;              ///< it has been tried
  std::string consequence;         ///< ends the warning: "; it is started again (1 of 3)"
  std::optional<Error> failure{};  ///< of the new one, at once
};

/// What a callback has cost its run so far.
struct CallbackCost {
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;
  double seconds = 0;  ///< of the events within a step an estimate: one in 64 is timed
};

/// One callback as the CallbackHandler keeps it: a C table, whoever stands behind it.
struct CallbackEntry {
  virtual ~CallbackEntry() = default;

  std::string name;        ///< for people: a plugin's id, or the class
  std::string class_name;  ///< key in `stateful_callbacks`
  trainer_callback* table = nullptr;
  OnError on_error = OnError::fail;
  CallbackCost cost;
  bool on = false;                ///< it is in a run, and not disabled: set by the CallbackHandler
  std::string files_directory{};  ///< in checkpoints: its id, of a second one "ID#2"; set by the CallbackHandler

  virtual const PluginFile* plugin() const { return nullptr; }                 ///< the file, when it is a plugin
  virtual std::shared_ptr<TrainerCallback> native() const { return nullptr; }  ///< the C++ object, when it is one
  virtual std::string take_error() { return {}; }                              ///< sentence of the last failure
  virtual std::exception_ptr take_cause() { return nullptr; }                  ///< what a C++ object threw then
  virtual std::optional<Error> take_failure() { return std::nullopt; }  ///< instead, when it says all of it itself
  /// What it failed with between two events, as in a line of the console.
  virtual std::optional<Error> take_failure_between_events() { return std::nullopt; }
  /// Whether it asked for the end of the training since this was last called.
  virtual bool take_stop_request() { return false; }
  virtual void turned(bool /*on*/) {}  ///< it gets events from now on, or no more
  /// The run that it was made in, when it can be in no other.
  virtual const HostContext* context() const { return nullptr; }
  virtual bool elsewhere() const { return false; }  ///< it stands for a plugin that other processes of the run have
  virtual const Isolation* isolation() const { return nullptr; }  ///< of a plugin that has a process of its own
  virtual Restarted restart() { return {}; }                      ///< makes that process anew, after a failure
  virtual bool stateful() const { return false; }
  virtual json::object state() { return {}; }  ///< {"args", "attributes"}
  /// An entry made anew from a stored state, to stand in for this one.
  virtual std::shared_ptr<CallbackEntry> restored(const json::object& /*state*/) { return nullptr; }

  // Extensions of a plugin (ext/outcome.h, results.h, checkpoint.h). Each may throw an Error.
  virtual void ended(const TrainingOutcome&) {}
  virtual std::vector<PluginResult> results() { return {}; }
  virtual bool keeps_files() const { return false; }
  virtual void save_files(const std::filesystem::path& /*directory*/) {}
  virtual void load_files(const std::filesystem::path& /*directory*/) {}
};

/// "MyCallback" of a type, without its namespaces.
std::string class_name_of(const std::type_info& type);

using MakeCallback = std::function<std::shared_ptr<TrainerCallback>()>;

/// Wraps a C++ callback. `events` has a bit for each method of TrainerCallback, in their order, that is to be called.
/// `anew` makes another like it, for a state from a checkpoint; without it this instance takes the state over.
std::shared_ptr<CallbackEntry> make_native_entry(std::shared_ptr<TrainerCallback> callback, std::uint32_t events,
                                                 MakeCallback anew = {});

namespace detail {

inline constexpr std::uint32_t all_events = (1u << TRAINER_EVENT_COUNT) - 1;

/// The methods that T overrides, as make_native_entry() takes them.
template <typename T>
constexpr std::uint32_t overridden_events() {
  std::uint32_t events = 0, bit = 1;
  // &T::on_x has the base's type when no class below the base declares it. Where it cannot be formed, a class below
  // declares it private, or several of its name.
#define TRAINER_OVERRIDDEN(event)                                                                               \
  if constexpr (!requires { requires std::is_same_v<decltype(&T::event), decltype(&TrainerCallback::event)>; }) \
    events |= bit;                                                                                              \
  bit <<= 1;
  TRAINER_FOR_EACH_SLOT(TRAINER_OVERRIDDEN)
#undef TRAINER_OVERRIDDEN
  return events;
}

}  // namespace detail

/// Wraps a C++ callback: the events that T overrides are subscribed, or all sixteen when the object is of a class
/// derived from T, of which nothing is known.
template <typename T>
std::shared_ptr<CallbackEntry> native_entry(std::shared_ptr<T> callback, MakeCallback anew = {}) {
  static_assert(std::is_base_of_v<TrainerCallback, T>, "derive from trainer::TrainerCallback");
  const T* object = callback.get();
  const bool known = object && typeid(*object) == typeid(T);
  return make_native_entry(std::move(callback), known ? detail::overridden_events<T>() : detail::all_events,
                           std::move(anew));
}

}  // namespace trainer
