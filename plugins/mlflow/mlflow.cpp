// SPDX-License-Identifier: Apache-2.0
//
// MLflowCallback of transformers 5.23.0, against a server's REST API. docs/plugins/mlflow.md says
// what differs and why.
#include "shared/mlflow/config.hpp"
#include "shared/mlflow/tracker.hpp"
#include "shared/system/environment.hpp"

namespace {

namespace mlflow = trainer::plugins::mlflow;
using trainer::plugins::SettingReader;
using trainer::plugins::variable;
using trainer::sdk::Host;

class Mlflow : public mlflow::Tracker {
 public:
  explicit Mlflow(const Host& host) : Tracker(host, "mlflow", read(SettingReader(host))) {}

  static void available(const Host& host) { require_configured(SettingReader(host)); }

 private:
  static void require_configured(const SettingReader& given) {
    if (variable("DISABLE_MLFLOW_INTEGRATION") == "TRUE")
      throw trainer::sdk::Unavailable("DISABLE_MLFLOW_INTEGRATION is TRUE; unset it to report to MLflow");
    const std::string problem = mlflow::uri_problem(mlflow::tracking_uri(given));
    if (!problem.empty()) throw trainer::sdk::Unavailable(problem);
  }

  static mlflow::Settings read(const SettingReader& given) {
    require_configured(given);
    return mlflow::read_settings(given);
  }
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Mlflow, {
  "id": "mlflow",
  "version": TRAINER_VERSION,
  "report_to": "mlflow",
  "store": "mlflow",
  "description": "Logs parameters, metrics and artifacts to an MLflow server.",
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"],
  "config": {
    TRAINER_MLFLOW_CONFIG
  }
})
// clang-format on
