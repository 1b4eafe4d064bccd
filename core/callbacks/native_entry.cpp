// SPDX-License-Identifier: Apache-2.0
#include <boost/core/demangle.hpp>

#include "trainer/callback_entry.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// The table comes first in `block`, so that a slot finds its entry from `self` alone.
struct NativeEntry final : CallbackEntry {
  struct Block : trainer_callback {
    NativeEntry* entry;
  };

  NativeEntry(std::shared_ptr<TrainerCallback> c, const trainer_callback& slots)
      : callback(std::move(c)), exportable(dynamic_cast<ExportableState*>(callback.get())) {
    static_cast<trainer_callback&>(block) = slots;
    block.struct_size = sizeof(trainer_callback);
    block.data = callback.get();
    block.entry = this;
    table = &block;
    name = class_name = class_name_of(typeid(*callback));
  }

  TrainerCallback* native() override { return callback.get(); }
  std::string take_error() override { return std::exchange(error, {}); }
  bool stateful() const override { return exportable != nullptr; }
  json::object state() override { return exportable->state(); }
  std::shared_ptr<CallbackEntry> restored(const json::object& state) override {
    // The class cannot be constructed from here, so the instance stays and takes the state over; it
    // still moves to the end of the list, as a new one would.
    exportable->load_state(state);
    auto moved = std::make_shared<NativeEntry>(callback, block);
    moved->name = name;
    moved->class_name = class_name;
    moved->on_error = on_error;
    return moved;
  }

  std::shared_ptr<TrainerCallback> callback;
  ExportableState* exportable;
  Block block{};
  std::string error;
};

}  // namespace

namespace detail {

void keep_exception(trainer_callback* self) {
  std::string& error = static_cast<NativeEntry::Block*>(self)->entry->error;
  try {
    throw;
  } catch (const std::exception& e) {
    error = e.what();
  } catch (...) {
    error = "an exception that is not a std::exception";
  }
}

}  // namespace detail

std::string class_name_of(const std::type_info& type) {
  std::string full = boost::core::demangle(type.name());
  const auto angle = full.find('<');
  const auto colon = full.rfind("::", angle);
  return colon == full.npos ? full : full.substr(colon + 2);
}

std::shared_ptr<CallbackEntry> make_native_entry(std::shared_ptr<TrainerCallback> callback,
                                                 const trainer_callback& slots) {
  if (!callback)
    throw_usage(error_id::callback_invalid, "a callback given to the Trainer is null; give an instance or a class");
  return std::make_shared<NativeEntry>(std::move(callback), slots);
}

}  // namespace trainer
