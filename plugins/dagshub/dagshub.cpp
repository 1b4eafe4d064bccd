// SPDX-License-Identifier: Apache-2.0
//
// DagsHubCallback of transformers 5.23.0: MLflow at https://dagshub.com/OWNER/REPO.mlflow.
// docs/plugins/dagshub.md says what differs and why.
#include "shared/mlflow/config.hpp"

#include <trainer/sdk/path.hpp>

#include "shared/mlflow/tracker.hpp"

namespace {

namespace mlflow = trainer::plugins::mlflow;
using trainer::plugins::SettingReader;
using trainer::sdk::Host;

class DagsHub : public mlflow::Tracker {
 public:
  explicit DagsHub(const Host& host) : Tracker(host, "dagshub", read(SettingReader(host))) {
    log_artifacts_ = mlflow::is_true(SettingReader(host).text("dagshub_log_artifacts", {"HF_DAGSHUB_LOG_ARTIFACTS"}));
  }

  void on_train_end(const Arguments& args, const State& state, Control& control) override {
    if (log_artifacts_ && is_logging() && state.is_world_process_zero != 0)
      Tracker::log_artifacts(trainer::sdk::path_of(args["output_dir"].text()), "artifacts");
    Tracker::on_train_end(args, state, control);
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!is_logging()) return {};
    const std::string uri = trainer::sdk::masked_url(settings().uri);
    return {{"DagsHub", uri.substr(0, uri.rfind(".mlflow")) + "/experiments"}};
  }

  static void available(const Host& host) { require_configured(SettingReader(host)); }

 private:
  static void require_configured(const SettingReader& given) {
    const auto& [uri, name] = mlflow::tracking_uri(given);
    if (!mlflow::is_dagshub_uri(uri))
      throw trainer::sdk::Unavailable(
          name + " is " + (uri.empty() ? "not set" : "\"" + trainer::sdk::masked_url(uri) + "\"") +
          ", expected a DagsHub repository's address: https://dagshub.com/OWNER/REPO.mlflow");
    const mlflow::Settings settings = with_token(given);
    if (settings.http.password.empty() && settings.http.bearer.empty())
      throw trainer::sdk::Unavailable(
          "DagsHub needs a token: set DAGSHUB_USER_TOKEN, or MLFLOW_TRACKING_USERNAME and "
          "MLFLOW_TRACKING_PASSWORD (dagshub.com, Settings, Tokens)");
    const std::string problem = trainer::plugins::http::library_problem();
    if (!problem.empty()) throw trainer::sdk::Unavailable(problem);
  }
  static mlflow::Settings with_token(const SettingReader& given) {
    mlflow::Settings settings = mlflow::read_settings(given);
    const std::string token = given.text("user_token", {"DAGSHUB_USER_TOKEN"});
    if (settings.http.password.empty() && settings.http.bearer.empty() && !token.empty()) {
      settings.http.password = token;
      if (settings.http.user.empty()) settings.http.user = token;  // DagsHub looks at the token only
    }
    return settings;
  }
  static mlflow::Settings read(const SettingReader& given) {
    require_configured(given);
    mlflow::Settings settings = with_token(given);
    settings.user = settings.http.user == settings.http.password ? "" : settings.http.user;
    return settings;
  }

  bool log_artifacts_ = false;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(DagsHub, {
  "id": "dagshub",
  "version": TRAINER_VERSION,
  "report_to": "dagshub",
  "store": "mlflow",
  "description": "Logs parameters, metrics and artifacts to a DagsHub repository.",
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"],
  "config": {
    "user_token": {"type": ["string", "null"], "default": null,
      "description": "DAGSHUB_USER_TOKEN; better kept in the environment"},
    "dagshub_log_artifacts": {"type": ["boolean", "null"], "default": null,
      "description": "HF_DAGSHUB_LOG_ARTIFACTS: upload output_dir at the end; false by default"},
    TRAINER_MLFLOW_CONFIG
  }
})
// clang-format on
