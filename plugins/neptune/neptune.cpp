// SPDX-License-Identifier: Apache-2.0
//
// transformers' NeptuneCallback, in a Python of its own: for the files of Neptune's offline mode.
#include <utility>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::SettingReader;
using trainer::sdk::Host;

class NeptuneCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit NeptuneCallback(const Host& host) : BridgedCallback(host, settings(SettingReader(host))), host_(host) {}

  static void available(const Host& host) {
    if (SettingReader(host).text("mode", {"NEPTUNE_MODE"}) != "offline")
      throw trainer::sdk::Unavailable(
          "Neptune's hosted service ended in March 2026; NEPTUNE_MODE=offline still writes its "
          "files, and report_to has other trackers");
    trainer::plugins::require_package("neptune", "neptune");
  }

  TRAINER_CROSS(on_init_end)
  TRAINER_CROSS(on_train_begin)
  TRAINER_CROSS(on_train_end)
  TRAINER_CROSS_WITH_VALUES(on_evaluate)
  TRAINER_CROSS(on_save)

  /// The callback would open its run again, which no offline run can be.
  void on_log(const Arguments&, const State& state, Control& control, Map& logs) override {
    if (!ended()) return cross(TRAINER_ON_LOG, state, control, &logs);
    if (!std::exchange(told_, true))
      host_.warning(
          "what is logged after the training is left out: its run has ended, and Neptune's offline mode opens none again; "
          "evaluate before the training ends, or name another tracker");
  }

 private:
  static trainer::plugins::BridgeSettings settings(const SettingReader& given) {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "neptune";
    settings.environment = given.changed_variables({{"mode", "NEPTUNE_MODE"}, {"project", "NEPTUNE_PROJECT"}});
    return settings;
  }

  Host host_;
  bool told_ = false;
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(NeptuneCallback, {
  "id": "neptune",
  "version": TRAINER_VERSION,
  "description": "Writes Neptune's offline files through transformers' own callback, in Python.",
  "report_to": "neptune",
  "class": "NeptuneCallback",
  "events": ["on_init_end", "on_train_begin", "on_train_end", "on_evaluate", "on_save", "on_log"],
  "config": {
    "mode": {"type": ["string", "null"], "default": null,
      "description": "NEPTUNE_MODE: offline"},
    "project": {"type": ["string", "null"], "default": null,
      "description": "NEPTUNE_PROJECT"}
  }
})
