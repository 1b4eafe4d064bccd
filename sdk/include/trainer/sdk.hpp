// SPDX-License-Identifier: Apache-2.0
//
// sdk.hpp - write a plugin in C++17: derive, override, register. Header-only, over plugin.h.
//
//   #include <trainer/sdk.hpp>
//
//   class Hello : public trainer::sdk::TrainerCallback {
//    public:
//     void on_train_begin(const Arguments&, const State&, Control&) override {
//       std::puts("Starting training");
//     }
//   };
//
//   TRAINER_PLUGIN(Hello, {"id": "hello", "version": "1.0.0"})
//
// Only the events that a class overrides are subscribed, and the note's "events" are made of them. Exceptions are
// caught here and become the status and the sentence of the C contract.
//
// The same source may be compiled into a program on LibTrainer, which has the class by its type
// (sdk/plugin_table.hpp) or by the name that TRAINER_PLUGIN_ENTRY gives to the entry (plugin.h).
#pragma once

#include <trainer/sdk/callback.hpp>
#include <trainer/sdk/note.hpp>
#include <trainer/sdk/plugin_table.hpp>
#include <trainer/sdk/trampoline.hpp>

/// Once in a plugin, at file scope: the class, then the note (see plugin.h) as bare JSON, in which "events" may be left
/// out. The class is constructed with `const trainer::sdk::Host&` if it takes one, else without arguments.
#define TRAINER_PLUGIN(Class, ...) TRAINER_SDK_PLUGIN(Class, __VA_ARGS__)

// Macros within the note are replaced before it is a text.
#define TRAINER_SDK_PLUGIN(Class, ...)                                                                                 \
  TRAINER_IN_NOTE_SECTION static constexpr auto TRAINER_SDK_LINE(note) =                                               \
      ::trainer::sdk::make_note< ::trainer::sdk::note_size(#__VA_ARGS__, ::trainer::sdk::overridden_events<Class>())>( \
          #__VA_ARGS__, ::trainer::sdk::overridden_events<Class>());                                                   \
  TRAINER_DEFINE_ENTRY(TRAINER_SDK_LINE(note).head, TRAINER_SDK_MINOR, &::trainer::sdk::Trampoline<Class>::create,     \
                       &::trainer::sdk::Trampoline<Class>::plugin_extension)                                           \
  [[maybe_unused]] static const bool TRAINER_SDK_LINE(is_known) =                                                      \
      (::trainer::sdk::line_of<Class> = TRAINER_PLUGIN_ENTRY()) != nullptr;

// Names of a line's own, as a program may have several.
#define TRAINER_SDK_LINE(name) TRAINER_SDK_JOIN(TRAINER_PLUGIN_ENTRY, name)
#define TRAINER_SDK_JOIN(a, b) TRAINER_SDK_PASTE(a, b)
#define TRAINER_SDK_PASTE(a, b) a##_##b
