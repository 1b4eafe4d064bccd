// SPDX-License-Identifier: Apache-2.0
//
// transformers' CometCallback, unmodified, in a Python of its own.
#include <filesystem>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::variable;
using trainer::sdk::Host;

class CometCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit CometCallback(const Host& host) : BridgedCallback(host, settings()) {}

  static void available(const Host&) {
    if (variable("COMET_API_KEY").empty() && variable("COMET_OFFLINE_DIRECTORY").empty() && !starts_offline() &&
        !has_settings_file())
      throw trainer::sdk::Unavailable(
          "Comet is not configured; set COMET_API_KEY, or COMET_OFFLINE_DIRECTORY and "
          "COMET_START_ONLINE=0 to write archives without a network");
    trainer::plugins::require_package("comet_ml", "comet_ml");
  }

  static bool starts_offline() {
    const std::string online = variable("COMET_START_ONLINE");
    return online == "0" || online == "false" || online == "False" || online == "FALSE";
  }
  static bool has_settings_file() {
    std::error_code error;
    return std::filesystem::exists(trainer::plugins::expand_user("~/.comet.config"), error);
  }

  void on_train_begin(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_TRAIN_BEGIN, state, control);
  }
  void on_train_end(const Arguments&, const State& state, Control& control) override {
    cross(TRAINER_ON_TRAIN_END, state, control);
  }
  void on_log(const Arguments&, const State& state, Control& control, Map& values) override {
    cross(TRAINER_ON_LOG, state, control, &values);
  }
  void on_predict(const Arguments&, const State& state, Control& control, Map& values) override {
    cross(TRAINER_ON_PREDICT, state, control, &values);
  }

 private:
  static trainer::plugins::BridgeSettings settings() {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "comet_ml";
    return settings;
  }
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(CometCallback, {
  "id": "comet_ml",
  "version": "0.1.0",
  "description": "Logs to Comet through transformers' own callback, in Python.",
  "report_to": "comet_ml",
  "class": "CometCallback",
  "events": ["on_train_begin", "on_train_end", "on_log", "on_predict"]
})
