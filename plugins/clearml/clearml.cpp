// SPDX-License-Identifier: Apache-2.0
//
// transformers' ClearMLCallback, unmodified, in a Python of its own.
#include <filesystem>
#include <trainer/sdk/path.hpp>

#include "shared/python_bridge/callback.hpp"

namespace {

using trainer::plugins::SettingReader;
using trainer::sdk::Host;

class ClearMLCallback : public trainer::plugins::BridgedCallback {
 public:
  explicit ClearMLCallback(const Host& host) : BridgedCallback(host, settings(SettingReader(host))) {}

  static void available(const Host& host) {
    const SettingReader given(host);
    const std::string named = given.text("config_file", {"CLEARML_CONFIG_FILE"});
    const auto file = named.empty() ? trainer::plugins::expand_user("~/clearml.conf") : trainer::sdk::path_of(named);
    std::error_code error;
    bool configured = std::filesystem::exists(file, error);
    for (const auto& [key, name] :
         {std::pair("api_access_key", "CLEARML_API_ACCESS_KEY"), std::pair("api_host", "CLEARML_API_HOST"),
          std::pair("offline_mode", "CLEARML_OFFLINE_MODE")})
      configured = configured || !given.text(key, {name}).empty();
    if (!configured)
      throw trainer::sdk::Unavailable(
          "ClearML is not configured; run \"clearml-init\", set CLEARML_API_HOST and "
          "CLEARML_API_ACCESS_KEY, or CLEARML_OFFLINE_MODE=1 to write a session without a network");
    trainer::plugins::require_package("clearml", "clearml");
  }

  static trainer::plugins::BridgeSettings settings(const SettingReader& given) {
    trainer::plugins::BridgeSettings settings;
    settings.callback = "clearml";
    settings.environment = given.changed_variables({{"project", "CLEARML_PROJECT"},
                                                    {"task", "CLEARML_TASK"},
                                                    {"log_model", "CLEARML_LOG_MODEL"},
                                                    {"offline_mode", "CLEARML_OFFLINE_MODE"},
                                                    {"config_file", "CLEARML_CONFIG_FILE"},
                                                    {"api_host", "CLEARML_API_HOST"},
                                                    {"web_host", "CLEARML_WEB_HOST"},
                                                    {"files_host", "CLEARML_FILES_HOST"},
                                                    {"api_access_key", "CLEARML_API_ACCESS_KEY"},
                                                    {"api_secret_key", "CLEARML_API_SECRET_KEY"}});
    return settings;
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
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"],
  "config": {
    "project": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_PROJECT; \"HuggingFace Transformers\" by default"},
    "task": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_TASK; \"Trainer\" by default"},
    "log_model": {"type": ["boolean", "null"], "default": null,
      "description": "CLEARML_LOG_MODEL: upload checkpoints; true by default"},
    "offline_mode": {"type": ["boolean", "null"], "default": null,
      "description": "CLEARML_OFFLINE_MODE: write a session instead; false by default"},
    "config_file": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_CONFIG_FILE; ~/clearml.conf by default"},
    "api_host": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_API_HOST"},
    "web_host": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_WEB_HOST"},
    "files_host": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_FILES_HOST"},
    "api_access_key": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_API_ACCESS_KEY; better kept in the environment"},
    "api_secret_key": {"type": ["string", "null"], "default": null,
      "description": "CLEARML_API_SECRET_KEY; better kept in the environment"}
  }
})
