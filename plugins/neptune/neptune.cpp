// SPDX-License-Identifier: Apache-2.0
//
// transformers' NeptuneCallback, in a Python of its own: for the files of Neptune's offline mode.
#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::variable;
using trainer::sdk::Host;

class NeptuneCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit NeptuneCallback(const Host& host) : BridgedCallback(host, settings()) {}

  static void available(const Host&) {
    if (variable("NEPTUNE_MODE") != "offline")
      throw trainer::sdk::Unavailable(
          "Neptune's hosted service ended in March 2026; NEPTUNE_MODE=offline still writes its "
          "files, and report_to has other trackers");
    trainer::plugins::require_package("neptune", "neptune");
  }

  void on_init_end(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_INIT_END, state, control);
  }
  void on_train_begin(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_TRAIN_BEGIN, state, control);
  }
  void on_train_end(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_TRAIN_END, state, control);
  }
  void on_evaluate(const Arguments&, const State& state, Control& control, Map& values) override {
    cross(TRAINER_ON_EVALUATE, state, control, &values);
  }
  void on_save(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_SAVE, state, control);
  }
  void on_log(const Arguments&, const State& state, Control& control, Map& values) override {
    cross(TRAINER_ON_LOG, state, control, &values);
  }

 private:
  static trainer::plugins::BridgeSettings settings() {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "neptune";
    return settings;
  }
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(NeptuneCallback, {
  "id": "neptune",
  "version": "0.1.0",
  "description": "Writes Neptune's offline files through transformers' own callback, in Python.",
  "report_to": "neptune",
  "class": "NeptuneCallback",
  "events": ["on_init_end", "on_train_begin", "on_train_end", "on_evaluate", "on_save", "on_log"]
})
