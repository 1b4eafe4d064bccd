// SPDX-License-Identifier: Apache-2.0
//
// DagsHubCallback of transformers 5.23.0: MLflow at https://dagshub.com/OWNER/REPO.mlflow.
// docs/plugins/dagshub.md says what differs and why.
#include "shared/mlflow/tracker.hpp"
#include "shared/system/environment.hpp"

namespace {

namespace mlflow = trainer::plugins::mlflow;
using trainer::plugins::variable;
using trainer::sdk::Host;

class DagsHub : public mlflow::Tracker {
 public:
  explicit DagsHub(const Host& host) : Tracker(host, "dagshub", read()) {
    log_artifacts_ = mlflow::is_true(variable("HF_DAGSHUB_LOG_ARTIFACTS"));
  }

  void on_train_end(const Arguments& args, const State& state, Control& control) override {
    if (log_artifacts_ && is_logging() && state.is_world_process_zero != 0)
      Tracker::log_artifacts(std::filesystem::path(args["output_dir"].text()), "artifacts");
    Tracker::on_train_end(args, state, control);
  }

  static void available(const Host&) { require_configured(); }

 private:
  static void require_configured() {
    const std::string uri = variable("MLFLOW_TRACKING_URI");
    if (!mlflow::is_dagshub_uri(uri))
      throw trainer::sdk::Unavailable(
          "MLFLOW_TRACKING_URI is " + (uri.empty() ? "not set" : "\"" + trainer::sdk::masked_url(uri) + "\"") +
          ", expected a DagsHub repository's address: https://dagshub.com/OWNER/REPO.mlflow");
    const mlflow::Settings settings = with_token();
    if (settings.http.password.empty() && settings.http.bearer.empty())
      throw trainer::sdk::Unavailable(
          "DagsHub needs a token: set DAGSHUB_USER_TOKEN, or MLFLOW_TRACKING_USERNAME and "
          "MLFLOW_TRACKING_PASSWORD (dagshub.com, Settings, Tokens)");
    const std::string problem = trainer::plugins::http::library_problem();
    if (!problem.empty()) throw trainer::sdk::Unavailable(problem);
  }
  static mlflow::Settings with_token() {
    mlflow::Settings settings = mlflow::read_settings();
    const std::string token = variable("DAGSHUB_USER_TOKEN");
    if (settings.http.password.empty() && settings.http.bearer.empty() && !token.empty()) {
      settings.http.password = token;
      if (settings.http.user.empty()) settings.http.user = token;  // DagsHub looks at the token only
    }
    return settings;
  }
  static mlflow::Settings read() {
    require_configured();
    mlflow::Settings settings = with_token();
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
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"]
})
// clang-format on
