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
  explicit CometCallback(const Host& host) : BridgedCallback(host, {.callback = "comet_ml"}) {}

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

  TRAINER_CROSS(on_train_begin)
  TRAINER_CROSS(on_train_end)
  TRAINER_CROSS_WITH_VALUES(on_log)
  TRAINER_CROSS_WITH_VALUES(on_predict)
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(CometCallback, {
  "id": "comet_ml",
  "version": TRAINER_VERSION,
  "description": "Logs to Comet through transformers' own callback, in Python.",
  "report_to": "comet_ml",
  "class": "CometCallback",
  "events": ["on_train_begin", "on_train_end", "on_log", "on_predict"]
})
