// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/callback_context.hpp"
#include "trainer/json.hpp"
#include "trainer/trainer_control.hpp"
#include "trainer/trainer_state.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

/// transformers' TrainerCallback for a program's own callbacks: derive, override what you need, in whatever access, and
/// hand the class or an instance to the Trainer. Plugins use <trainer/sdk.hpp> instead.
///
/// What may be changed, and when it counts:
///   control's flags        in every event; docs/callbacks.md says when each is read
///   logs, metrics          in their events; the later callbacks and the caller see it
///   weights                in every event, in place and without gradients. What on_step_end or on_epoch_end writes
///                          is evaluated, and saved unless on_evaluate writes again
///   gradients              in on_pre_optimizer_step, where they are clipped already; the update uses them
///   a group's rate         in on_step_begin or on_pre_optimizer_step, for the step that goes on. After
///                          on_optimizer_step a schedule sets it anew
///   requires_grad          between steps, from on_train_begin on: the optimizer has every parameter that required a
///                          gradient when it was made, and leaves alone those that have none
/// args and state are the Trainer's. An exception ends the run; it is rethrown with callback, event and step named.
class TrainerCallback {
 public:
  using CallbackContext = trainer::CallbackContext;

  virtual ~TrainerCallback() = default;

  virtual void on_init_end(CallbackContext&) {}
  virtual void on_train_begin(CallbackContext&) {}
  virtual void on_train_end(CallbackContext&) {}
  virtual void on_epoch_begin(CallbackContext&) {}
  virtual void on_epoch_end(CallbackContext&) {}
  virtual void on_step_begin(CallbackContext&) {}
  virtual void on_pre_optimizer_step(CallbackContext&) {}  ///< gradients are whole and clipped
  virtual void on_optimizer_step(CallbackContext&) {}      ///< weights are new, gradients are still there
  virtual void on_substep_end(CallbackContext&) {}
  virtual void on_step_end(CallbackContext&) {}
  virtual void on_evaluate(CallbackContext&) {}  ///< with metrics
  virtual void on_predict(CallbackContext&) {}   ///< with metrics
  virtual void on_save(CallbackContext&) {}
  virtual void on_log(CallbackContext&) {}  ///< with logs
  virtual void on_prediction_step(CallbackContext&) {}
  virtual void on_push_begin(CallbackContext&) {}
};

/// Also derive from this for a callback whose state is kept in checkpoints (ExportableState in transformers).
class ExportableState {
 public:
  virtual ~ExportableState() = default;
  /// {"args": what it was made with, "attributes": what changed since}.
  virtual json::object state() const = 0;
  /// Takes such a state over, with `restore_callback_states_from_checkpoint`: a new instance when the Trainer was given
  /// the class, else the instance that it was given.
  virtual void load_state(const json::object& state) = 0;
};

}  // namespace trainer
