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
  explicit FlyteCallback(const Host& host)
      : BridgedCallback(host, {.callback = "flyte", .parent = variable("TRAINER_BRIDGE_SOCKET")}) {}

  static void available(const Host&) {
    if (!variable("TRAINER_BRIDGE_SOCKET").empty()) return;
    throw trainer::sdk::Unavailable(variable("FLYTE_INTERNAL_EXECUTION_ID").empty()
                                        ? "this is not a Flyte task; start the trainer from one with trainer_bridge.run"
                                        : "the Flyte task started the trainer without the bridge; start it with "
                                          "trainer_bridge.run, so that its checkpoint and decks can be reached");
  }

  TRAINER_CROSS(on_train_end)
  TRAINER_CROSS(on_save)
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(FlyteCallback, {
  "id": "flyte",
  "version": TRAINER_VERSION,
  "description": "Saves checkpoints and the log history in the Flyte task that runs the trainer.",
  "report_to": "flyte",
  "class": "FlyteCallback",
  "events": ["on_train_end", "on_save"]
})
