// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/control.h>

#include <array>
#include <cstdint>

#include "trainer/json.hpp"

namespace trainer {

struct ControlFlag {
  const char* name;
  std::uint32_t trainer_control::*field;
};
/// The five flags, in transformers' order.
inline constexpr std::array<ControlFlag, 5> control_flags = {{
    {"should_training_stop", &trainer_control::should_training_stop},
    {"should_epoch_stop", &trainer_control::should_epoch_stop},
    {"should_save", &trainer_control::should_save},
    {"should_evaluate", &trainer_control::should_evaluate},
    {"should_log", &trainer_control::should_log},
}};

/// The five flags by which callbacks steer the loop (control.h), all 0 at first. One object for a
/// Trainer's whole life; the CallbackHandler resets flags before the events that consume them.
struct TrainerControl : trainer_control {
  TrainerControl() : trainer_control{sizeof(trainer_control), 0, 0, 0, 0, 0, 0, 0} {}

  /// The flags by name.
  json::object flags() const {
    json::object out;
    for (const auto& [name, field] : control_flags) out.emplace(name, this->*field != 0);
    return out;
  }
  /// What `stateful_callbacks` keeps of it.
  json::object state() const { return {{"args", flags()}, {"attributes", json::object{}}}; }
  /// Takes flags over from such a state; a flag that is missing stays.
  void load_state(const json::object& state);
};

}  // namespace trainer
