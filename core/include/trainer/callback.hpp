// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/json.hpp"
#include "trainer/trainer_control.hpp"
#include "trainer/trainer_state.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

/// transformers' TrainerCallback for a program's own callbacks: derive, override what you need, and
/// hand the class or an instance to the Trainer. Plugins use <trainer/sdk.hpp> instead.
///
/// `control` may be changed in every event; `logs` and `metrics` are shared by all callbacks and by
/// the caller. An exception ends the run; it is rethrown with the callback, event and step named.
class TrainerCallback {
 public:
  using Args = TrainingArguments;
  using State = TrainerState;
  using Control = TrainerControl;

  virtual ~TrainerCallback() = default;

  virtual void on_init_end(const Args&, const State&, Control&) {}
  virtual void on_train_begin(const Args&, const State&, Control&) {}
  virtual void on_train_end(const Args&, const State&, Control&) {}
  virtual void on_epoch_begin(const Args&, const State&, Control&) {}
  virtual void on_epoch_end(const Args&, const State&, Control&) {}
  virtual void on_step_begin(const Args&, const State&, Control&) {}
  virtual void on_pre_optimizer_step(const Args&, const State&, Control&) {}
  virtual void on_optimizer_step(const Args&, const State&, Control&) {}
  virtual void on_substep_end(const Args&, const State&, Control&) {}
  virtual void on_step_end(const Args&, const State&, Control&) {}
  virtual void on_evaluate(const Args&, const State&, Control&, json::object& /*metrics*/) {}
  virtual void on_predict(const Args&, const State&, Control&, json::object& /*metrics*/) {}
  virtual void on_save(const Args&, const State&, Control&) {}
  virtual void on_log(const Args&, const State&, Control&, json::object& /*logs*/) {}
  virtual void on_prediction_step(const Args&, const State&, Control&) {}
  virtual void on_push_begin(const Args&, const State&, Control&) {}
};

/// Also derive from this for a callback whose state is kept in checkpoints (ExportableState in transformers).
class ExportableState {
 public:
  virtual ~ExportableState() = default;
  /// {"args": what it was made with, "attributes": what changed since}.
  virtual json::object state() const = 0;
  /// Takes such a state over, with `restore_callback_states_from_checkpoint`.
  virtual void load_state(const json::object& state) = 0;
};

}  // namespace trainer
