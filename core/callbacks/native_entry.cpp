// SPDX-License-Identifier: Apache-2.0
//
// A C++ callback behind the table of a plugin.
#include <trainer/callback.h>

#include <boost/core/demangle.hpp>
#include <iterator>

#include "callbacks/native_event.hpp"
#include "trainer/callback_entry.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

template <auto method>
std::int32_t native_slot(trainer_callback* self, const trainer_event* event);

struct NativeSlot {
  trainer_slot trainer_callback::*place;
  trainer_slot function;
};

// In the order of TrainerCallback's methods, as overridden_events() counts them.
#define TRAINER_NATIVE_SLOT(event) {&trainer_callback::event, &native_slot<&TrainerCallback::event>},
constexpr NativeSlot native_slots[] = {TRAINER_FOR_EACH_SLOT(TRAINER_NATIVE_SLOT)};
#undef TRAINER_NATIVE_SLOT
static_assert(std::size(native_slots) == TRAINER_EVENT_COUNT);

// The table comes first in `block`, so that a slot finds its entry from `self` alone.
struct NativeEntry final : CallbackEntry {
  struct Block : trainer_callback {
    NativeEntry* entry;
  };

  NativeEntry(std::shared_ptr<TrainerCallback> c, std::uint32_t subscribed, MakeCallback make_another)
      : callback(std::move(c)),
        events(subscribed),
        anew(std::move(make_another)),
        exportable(dynamic_cast<ExportableState*>(callback.get())) {
    for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind)
      if ((events >> kind & 1u) != 0) block.*native_slots[kind].place = native_slots[kind].function;
    block.struct_size = sizeof(trainer_callback);
    block.data = callback.get();
    block.entry = this;
    table = &block;
    name = class_name = class_name_of(typeid(*callback));
  }

  std::shared_ptr<TrainerCallback> native() const override { return callback; }
  std::string take_error() override { return std::exchange(error, {}); }
  std::exception_ptr take_cause() override { return std::exchange(cause, nullptr); }
  bool stateful() const override { return exportable != nullptr; }
  json::object state() override { return exportable->state(); }
  std::shared_ptr<CallbackEntry> restored(const json::object& state) override {
    // An instance that was given stays and takes the state over; it still moves to the end of the list, as a new one.
    auto moved = std::make_shared<NativeEntry>(anew ? anew() : callback, events, anew);
    moved->exportable->load_state(state);
    moved->name = name;
    moved->class_name = class_name;
    moved->on_error = on_error;
    return moved;
  }

  std::shared_ptr<TrainerCallback> callback;
  std::uint32_t events;
  MakeCallback anew;
  ExportableState* exportable;
  Block block{};
  std::string error;
  std::exception_ptr cause;
};

// What a method throws is kept by the entry.
void keep_exception(trainer_callback* self) {
  NativeEntry& entry = *static_cast<NativeEntry::Block*>(self)->entry;
  std::string& error = entry.error;
  entry.cause = std::current_exception();
  try {
    throw;
  } catch (const Error& e) {
    error = e.sentence();
    if (e.cause()) entry.cause = e.cause();
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "an exception that is not a std::exception";
  }
}

template <auto method>
std::int32_t native_slot(trainer_callback* self, const trainer_event* event) {
  CallbackContext context = static_cast<const NativeEvent*>(event)->context();
  try {
    (static_cast<TrainerCallback*>(self->data)->*method)(context);
    return TRAINER_OK;
  } catch (...) {
    keep_exception(self);
    return TRAINER_ERROR;
  }
}

}  // namespace

std::string class_name_of(const std::type_info& type) {
  std::string full = boost::core::demangle(type.name());
  const auto angle = full.find('<');
  const auto colon = full.rfind("::", angle);
  return colon == full.npos ? full : full.substr(colon + 2);
}

std::shared_ptr<CallbackEntry> make_native_entry(std::shared_ptr<TrainerCallback> callback, std::uint32_t events,
                                                 MakeCallback anew) {
  if (!callback)
    throw_usage(error_id::callback_invalid, "a callback given to the Trainer is null; give an instance or a class");
  return std::make_shared<NativeEntry>(std::move(callback), events, std::move(anew));
}

}  // namespace trainer
