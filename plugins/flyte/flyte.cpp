// SPDX-License-Identifier: Apache-2.0
//
// transformers' FlyteCallback, unmodified, in the Python of the Flyte task that started the
// trainer: the checkpoint object and the decks are the task's.
#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::variable;
using trainer::sdk::Host;

class FlyteCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit FlyteCallback(const Host& host) : BridgedCallback(host, settings()) {}

  static void available(const Host&) {
    if (!variable("TRAINER_BRIDGE_SOCKET").empty()) return;
    throw trainer::sdk::Unavailable(variable("FLYTE_INTERNAL_EXECUTION_ID").empty()
                                        ? "this is no Flyte task; start the trainer from one with trainer_bridge.run"
                                        : "the Flyte task started the trainer without the bridge; start it with "
                                          "trainer_bridge.run, so that its checkpoint and decks can be reached");
  }

  void on_train_end(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_TRAIN_END, state, control);
  }
  void on_save(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_SAVE, state, control);
  }

 private:
  static trainer::plugins::BridgeSettings settings() {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "flyte";
    settings.parent = variable("TRAINER_BRIDGE_SOCKET");
    return settings;
  }
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(FlyteCallback, {
  "id": "flyte",
  "version": "0.1.0",
  "description": "Saves checkpoints and the log history in the Flyte task that runs the trainer.",
  "report_to": "flyte",
  "class": "FlyteCallback",
  "events": ["on_train_end", "on_save"]
})
