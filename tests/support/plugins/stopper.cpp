// SPDX-License-Identifier: Apache-2.0
//
// Stops on one rank, in an event before a window's micro-batches, and hears nothing else; tests/ranks/agreement.py.
#include <trainer/sdk.hpp>

namespace {

class Stopper : public trainer::sdk::TrainerCallback {
 public:
  explicit Stopper(const trainer::sdk::Host& host) : host_(host) {}

  void on_train_begin(const Arguments&, const State& state, Control& control) override {
    if (is_now("on_train_begin", state)) control.should_training_stop = 1;
  }
  void on_epoch_begin(const Arguments&, const State& state, Control& control) override {
    if (is_now("on_epoch_begin", state)) control.should_epoch_stop = 1;
  }
  void on_step_begin(const Arguments&, const State& state, Control& control) override {
    if (is_now("on_step_begin", state)) control.should_epoch_stop = 1;
  }

 private:
  bool is_now(std::string_view event, const State& state) const {
    return host_.process().rank == 1 && host_.config("on").text() == event &&
           state.global_step == host_.config("global_step").integer();
  }

  trainer::sdk::Host host_;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(Stopper, {
  "id": "stopper",
  "version": "0.1.0",
  "description": "Stops on rank 1; for tests.",
  "class": "StopperCallback",
  "config": {
    "on": {"type": "string", "description": "an event"},
    "global_step": {"type": "integer", "default": 0, "minimum": 0}
  }
})
// clang-format on
