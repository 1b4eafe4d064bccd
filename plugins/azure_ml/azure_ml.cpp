// SPDX-License-Identifier: Apache-2.0
//
// Azure Machine Learning through its MLflow endpoint. docs/plugins/azure_ml.md says what differs
// from transformers' AzureMLCallback and why.
#include "shared/mlflow/config.hpp"
#include "shared/mlflow/tracker.hpp"
#include "shared/system/environment.hpp"

namespace {

namespace mlflow = trainer::plugins::mlflow;
using trainer::plugins::SettingReader;
using trainer::plugins::variable;
using trainer::sdk::Host;

std::string token(const SettingReader& given) {
  return given.text("tracking_token", {"AZUREML_RUN_TOKEN", "MLFLOW_TRACKING_TOKEN"});
}

class AzureMl : public mlflow::Tracker {
 public:
  explicit AzureMl(const Host& host) : Tracker(host, "azure_ml", read(SettingReader(host))) {}

  /// Its address is for programs alone.
  std::vector<trainer::sdk::Result> results() const override { return {}; }

  static void available(const Host& host) { require_configured(SettingReader(host)); }

 private:
  static void require_configured(const SettingReader& given) {
    const auto& [uri, name] = mlflow::tracking_uri(given);
    if (mlflow::scheme(uri) != "azureml")
      throw trainer::sdk::Unavailable(name + " is " +
                                      (uri.empty() ? "not set" : "\"" + trainer::sdk::masked_url(uri) + "\"") +
                                      ", expected a workspace's azureml:// address (az ml workspace show --query "
                                      "mlflow_tracking_uri)");
    if (token(given).empty())
      throw trainer::sdk::Unavailable(
          "neither AZUREML_RUN_TOKEN nor MLFLOW_TRACKING_TOKEN is set; outside of a job set the "
          "second (az account get-access-token --resource https://ml.azure.com --query "
          "accessToken)");
    const std::string problem = trainer::plugins::http::library_problem();
    if (!problem.empty()) throw trainer::sdk::Unavailable(problem);
  }
  static mlflow::Settings read(const SettingReader& given) {
    require_configured(given);
    mlflow::Settings settings = mlflow::read_settings(given);
    settings.base = "https" + settings.uri.substr(settings.uri.find(':'));
    settings.http.user.clear();
    settings.http.password.clear();
    settings.http.bearer = token(given);
    // In a job the run is there already, and the job ends it.
    const std::string run = variable("AZUREML_RUN_ID");
    if (settings.run_id.empty()) settings.run_id = run;
    settings.run_is_owned = !run.empty() && settings.run_id == run;
    if (settings.experiment_name.empty() && settings.experiment_id.empty()) settings.experiment_name = "Default";
    return settings;
  }
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(AzureMl, {
  "id": "azure_ml",
  "version": TRAINER_VERSION,
  "report_to": "azure_ml",
  "store": "mlflow",
  "description": "Logs parameters, metrics and artifacts to Azure Machine Learning.",
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"],
  "config": {
    TRAINER_MLFLOW_CONFIG
  }
})
// clang-format on
