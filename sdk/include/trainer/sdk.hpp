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
//   TRAINER_PLUGIN(Hello, {"id": "hello", "version": "1.0.0", "events": ["on_train_begin"]})
//
// Only the events that a class overrides are subscribed. Exceptions are caught here and become the
// status and the sentence of the C contract.
#pragma once

#include <trainer/sdk/callback.hpp>
#include <trainer/sdk/trampoline.hpp>

/// Once in a plugin, at file scope: the class, then the note (see plugin.h) as bare JSON. The class
/// is constructed with `const trainer::sdk::Host&` if it takes one, else without arguments.
#define TRAINER_PLUGIN(Class, ...)                                  \
  TRAINER_PLUGIN_DEFINE(&::trainer::sdk::Trampoline<Class>::create, \
                        &::trainer::sdk::Trampoline<Class>::plugin_extension, __VA_ARGS__)
