// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/control.h>

#include "trainer/json.hpp"

namespace trainer {

/// The five flags by which callbacks steer the loop (control.h), all 0 at first. One object for a
/// Trainer's whole life; the CallbackHandler resets flags before the events that consume them.
struct TrainerControl : trainer_control {
  TrainerControl() : trainer_control{sizeof(trainer_control), 0, 0, 0, 0, 0, 0, 0} {}

  /// The flags by name, in transformers' order.
  json::object flags() const {
    return {{"should_training_stop", should_training_stop != 0},
            {"should_epoch_stop", should_epoch_stop != 0},
            {"should_save", should_save != 0},
            {"should_evaluate", should_evaluate != 0},
            {"should_log", should_log != 0}};
  }
  /// What `stateful_callbacks` keeps of it.
  json::object state() const { return {{"args", flags()}, {"attributes", json::object{}}}; }
  /// Takes flags over from such a state; a flag that is missing stays.
  void load_state(const json::object& state);
};

}  // namespace trainer
