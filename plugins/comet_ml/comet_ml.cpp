// SPDX-License-Identifier: Apache-2.0
//
// transformers' CometCallback, unmodified, in a Python of its own.
#include <filesystem>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::SettingReader;
using trainer::sdk::Host;

class CometCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit CometCallback(const Host& host) : BridgedCallback(host, settings(SettingReader(host))) {}

  static void available(const Host& host) {
    const SettingReader given(host);
    if (given.text("api_key", {"COMET_API_KEY"}).empty() &&
        given.text("offline_directory", {"COMET_OFFLINE_DIRECTORY"}).empty() && !starts_offline(given) &&
        !has_settings_file())
      throw trainer::sdk::Unavailable(
          "Comet is not configured; set COMET_API_KEY, or COMET_OFFLINE_DIRECTORY and "
          "COMET_START_ONLINE=0 to write archives without a network");
    trainer::plugins::require_package("comet_ml", "comet_ml");
  }

  static trainer::plugins::BridgeSettings settings(const SettingReader& given) {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "comet_ml";
    settings.environment = given.changed_variables({{"mode", "COMET_MODE"},
                                                    {"start_online", "COMET_START_ONLINE"},
                                                    {"project_name", "COMET_PROJECT_NAME"},
                                                    {"log_assets", "COMET_LOG_ASSETS"},
                                                    {"workspace", "COMET_WORKSPACE"},
                                                    {"experiment_key", "COMET_EXPERIMENT_KEY"},
                                                    {"offline_directory", "COMET_OFFLINE_DIRECTORY"},
                                                    {"api_key", "COMET_API_KEY"}});
    return settings;
  }
  static bool starts_offline(const SettingReader& given) {
    const std::string online = given.text("start_online", {"COMET_START_ONLINE"});
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
  "events": ["on_train_begin", "on_train_end", "on_log", "on_predict"],
  "config": {
    "mode": {"type": ["string", "null"], "default": null,
      "description": "COMET_MODE: get_or_create, create or get; get_or_create by default"},
    "start_online": {"type": ["boolean", "null"], "default": null,
      "description": "COMET_START_ONLINE: false writes an archive instead"},
    "project_name": {"type": ["string", "null"], "default": null,
      "description": "COMET_PROJECT_NAME"},
    "log_assets": {"type": ["boolean", "null"], "default": null,
      "description": "COMET_LOG_ASSETS: output_dir at the end; false by default"},
    "workspace": {"type": ["string", "null"], "default": null,
      "description": "COMET_WORKSPACE"},
    "experiment_key": {"type": ["string", "null"], "default": null,
      "description": "COMET_EXPERIMENT_KEY"},
    "offline_directory": {"type": ["string", "null"], "default": null,
      "description": "COMET_OFFLINE_DIRECTORY: where an archive is written"},
    "api_key": {"type": ["string", "null"], "default": null,
      "description": "COMET_API_KEY; better kept in the environment"}
  }
})
