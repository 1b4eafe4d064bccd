// SPDX-License-Identifier: Apache-2.0
//
// transformers' ClearMLCallback, unmodified, in a Python of its own.
#include <filesystem>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::variable;
using trainer::sdk::Host;

class ClearMLCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit ClearMLCallback(const Host& host) : BridgedCallback(host, {.callback = "clearml"}) {}

  static void available(const Host&) {
    std::string file = variable("CLEARML_CONFIG_FILE");
    if (file.empty()) file = trainer::plugins::expand_user("~/clearml.conf");
    std::error_code error;
    bool configured = std::filesystem::exists(file, error);
    for (const char* name : {"CLEARML_API_ACCESS_KEY", "CLEARML_API_HOST", "CLEARML_OFFLINE_MODE"})
      configured = configured || !variable(name).empty();
    if (!configured)
      throw trainer::sdk::Unavailable(
          "ClearML is not configured; run \"clearml-init\", set CLEARML_API_HOST and "
          "CLEARML_API_ACCESS_KEY, or CLEARML_OFFLINE_MODE=1 to write a session without a network");
    trainer::plugins::require_package("clearml", "clearml");
  }

  TRAINER_CROSS(on_train_begin)
  TRAINER_CROSS(on_train_end)
  TRAINER_CROSS(on_save)
  TRAINER_CROSS_WITH_VALUES(on_log)
};

}  // namespace

// clang-format off
TRAINER_PLUGIN(ClearMLCallback, {
  "id": "clearml",
  "version": TRAINER_VERSION,
  "description": "Logs to ClearML through transformers' own callback, in Python.",
  "report_to": "clearml",
  "class": "ClearMLCallback",
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"]
})
