// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <typeinfo>

#include "trainer/callback.hpp"

namespace trainer {

struct PluginFile;

/// What to do when a callback fails.
enum class OnError {
  fail,     ///< end the run; the default for callbacks
  warn,     ///< one warning each time, and go on
  disable,  ///< one warning, and the callback is not called again; the default for trackers
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

  virtual const PluginFile* plugin() const { return nullptr; }  ///< the file, when it is a plugin
  virtual TrainerCallback* native() { return nullptr; }         ///< the C++ object, when it is one
  virtual std::string take_error() { return {}; }               ///< sentence of the last failure
  virtual void disabled() {}                                    ///< it gets no event any more
  virtual bool stateful() const { return false; }
  virtual json::object state() { return {}; }  ///< {"args", "attributes"}
  /// An entry made anew from a stored state, to stand in for this one.
  virtual std::shared_ptr<CallbackEntry> restored(const json::object& /*state*/) { return nullptr; }
};

/// The event as in-process callbacks get it: the C view, and the objects behind it.
struct NativeEvent : trainer_event {
  const TrainingArguments* args = nullptr;
  TrainerState* native_state = nullptr;
  TrainerControl* native_control = nullptr;
  json::object* native_values = nullptr;
};

/// "MyCallback" of a type, without its namespaces.
std::string class_name_of(const std::type_info& type);

/// `slots` holds the functions of the overridden events only; see native_entry().
std::shared_ptr<CallbackEntry> make_native_entry(std::shared_ptr<TrainerCallback> callback,
                                                 const trainer_callback& slots);

/// Wraps a C++ callback. The static type T decides which events are subscribed; with
/// T = TrainerCallback all sixteen are.
template <typename T>
std::shared_ptr<CallbackEntry> native_entry(std::shared_ptr<T> callback);

namespace detail {

/// Runs one method; what it throws is kept by the entry, see make_native_entry().
void keep_exception(trainer_callback* self);

template <auto method>
int32_t native_slot(trainer_callback* self, const trainer_event* event) {
  const auto& e = *static_cast<const NativeEvent*>(event);
  auto& callback = *static_cast<TrainerCallback*>(self->data);
  try {
    if constexpr (std::is_invocable_v<decltype(method), TrainerCallback&, const TrainingArguments&, const TrainerState&,
                                      TrainerControl&, json::object&>)
      (callback.*method)(*e.args, *e.native_state, *e.native_control, *e.native_values);
    else
      (callback.*method)(*e.args, *e.native_state, *e.native_control);
    return TRAINER_OK;
  } catch (...) {
    keep_exception(self);
    return TRAINER_ERROR;
  }
}

}  // namespace detail

template <typename T>
std::shared_ptr<CallbackEntry> native_entry(std::shared_ptr<T> callback) {
  static_assert(std::is_base_of_v<TrainerCallback, T>, "derive from trainer::TrainerCallback");
  constexpr bool all = std::is_same_v<T, TrainerCallback>;
  trainer_callback slots{};
  // &T::on_x has the base's type exactly when no class below the base declares it.
#define TRAINER_NATIVE_SLOT(event)                                                              \
  if constexpr (all || !std::is_same_v<decltype(&T::event), decltype(&TrainerCallback::event)>) \
    slots.event = &detail::native_slot<&TrainerCallback::event>;
  TRAINER_NATIVE_SLOT(on_init_end)
  TRAINER_NATIVE_SLOT(on_train_begin)
  TRAINER_NATIVE_SLOT(on_train_end)
  TRAINER_NATIVE_SLOT(on_epoch_begin)
  TRAINER_NATIVE_SLOT(on_epoch_end)
  TRAINER_NATIVE_SLOT(on_step_begin)
  TRAINER_NATIVE_SLOT(on_pre_optimizer_step)
  TRAINER_NATIVE_SLOT(on_optimizer_step)
  TRAINER_NATIVE_SLOT(on_substep_end)
  TRAINER_NATIVE_SLOT(on_step_end)
  TRAINER_NATIVE_SLOT(on_evaluate)
  TRAINER_NATIVE_SLOT(on_predict)
  TRAINER_NATIVE_SLOT(on_save)
  TRAINER_NATIVE_SLOT(on_log)
  TRAINER_NATIVE_SLOT(on_prediction_step)
  TRAINER_NATIVE_SLOT(on_push_begin)
#undef TRAINER_NATIVE_SLOT
  return make_native_entry(std::move(callback), slots);
}

}  // namespace trainer
