// SPDX-License-Identifier: Apache-2.0
//
// KubeflowCallback of transformers 5.23.0 (integrations/integration_utils.py), posting from a thread.
// docs/plugins/kubeflow.md says what differs and why.
#include <algorithm>
#include <memory>
#include <trainer/sdk.hpp>

#include "poster.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "status.hpp"
#include "trainer/sdk/repr.hpp"

namespace {

namespace kf = trainer::kubeflow;
using trainer::plugins::monotonic_seconds;
using trainer::plugins::SettingReader;
using trainer::plugins::variable;
using trainer::sdk::Host;
using trainer::sdk::Value;

constexpr double least_interval = 5;  // seconds between two posts
constexpr double longest_wait = 6;    // seconds for the last one

class Kubeflow : public trainer::sdk::TrainerCallback {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Kubeflow(const Host& host) : host_(host) {}

  static void available(const Host& host) {
    std::string disabled = variable("DISABLE_KUBEFLOW_INTEGRATION");
    std::transform(disabled.begin(), disabled.end(), disabled.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    if (disabled == "TRUE") throw trainer::sdk::Unavailable("DISABLE_KUBEFLOW_INTEGRATION is TRUE; unset it");
    if (server_url(SettingReader(host)).empty())
      throw trainer::sdk::Unavailable(
          "KUBEFLOW_TRAINER_SERVER_URL is not set; Kubeflow sets it in a TrainJob with "
          "TrainJobRuntimeStatus enabled");
    if (const std::string problem = trainer::plugins::http::library_problem(); !problem.empty())
      throw trainer::sdk::Unavailable(problem);
  }

  void on_train_begin(const Arguments&, const State& state, Control&) override {
    // A replay is no training: what a TrainJob shows must not go back.
    if (state.is_world_process_zero == 0 || host_.is_replay()) return;
    const SettingReader given(host_);
    if (!poster_)
      poster_ = std::make_unique<kf::Poster>(
          kf::Settings{server_url(given), given.text("server_token", {"KUBEFLOW_TRAINER_SERVER_TOKEN"}),
                       given.text("server_ca_cert", {"KUBEFLOW_TRAINER_SERVER_CA_CERT"})},
          [host = host_](const std::string& text) { host.debug(text); });
    start_ = monotonic_seconds();
    metrics_.clear();
    std::string list;
    if (state.max_steps != 0) append(list, "total_steps", state.max_steps);
    post({0, std::nullopt}, list);
  }

  void on_log(const Arguments&, const State& state, Control&, Map& logs) override {
    if (!poster_ || state.is_world_process_zero == 0) return;
    logs.for_each([&](std::string_view key, const Value& value) { metrics_.set(key, value); });
  }

  void on_step_end(const Arguments&, const State& state, Control&) override {
    if (!poster_ || state.is_world_process_zero == 0 || state.max_steps <= 0) return;
    const double now = monotonic_seconds();
    if (now - last_ < least_interval) return;
    kf::Status status;
    const double done = static_cast<double>(state.global_step) / static_cast<double>(state.max_steps);
    status.progress = std::min<std::int64_t>(static_cast<std::int64_t>(done * 100), 99);
    if (state.global_step > 0)
      status.remaining = static_cast<std::int64_t>((now - start_) / static_cast<double>(state.global_step) *
                                                   static_cast<double>(state.max_steps - state.global_step));
    kf::Metrics all = metrics_;
    all.set("current_step", Value(state.global_step));
    all.set("total_steps", Value(state.max_steps));
    all.set("current_epoch", Value(std::stod(kf::rounded_epoch(state.epoch))));
    std::string list;
    all.write(list);
    post(status, list);
  }

  void on_train_end(const Arguments&, const State& state, Control&) override {
    if (!poster_ || state.is_world_process_zero == 0) return;
    std::string list;
    metrics_.write(list);
    post({100, 0}, list);
    poster_->wait(longest_wait);
  }

 private:
  static std::string server_url(const SettingReader& given) {
    return given.text("server_url", {"KUBEFLOW_TRAINER_SERVER_URL"});
  }
  static void append(std::string& list, std::string_view name, std::int64_t value) {
    std::string text;
    trainer::sdk::append_repr(text, value);
    kf::append_metric(list, name, text);
  }

  void post(const kf::Status& status, const std::string& list) {
    last_ = monotonic_seconds();
    poster_->post(kf::status_body(status, trainer::plugins::utc_now(), list));
  }

  Host host_;
  kf::Metrics metrics_;
  double start_ = 0, last_ = 0;
  std::unique_ptr<kf::Poster> poster_;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Kubeflow, {
  "id": "kubeflow",
  "version": TRAINER_VERSION,
  "report_to": "kubeflow",
  "always": true,
  "class": "KubeflowCallback",
  "description": "Reports progress to Kubeflow Trainer.",
  "events": ["on_train_begin", "on_train_end", "on_log", "on_step_end"],
  "config": {
    "server_url": {"type": ["string", "null"], "default": null,
      "description": "KUBEFLOW_TRAINER_SERVER_URL: where to post"},
    "server_token": {"type": ["string", "null"], "default": null,
      "description": "KUBEFLOW_TRAINER_SERVER_TOKEN: the file of the service account's token"},
    "server_ca_cert": {"type": ["string", "null"], "default": null,
      "description": "KUBEFLOW_TRAINER_SERVER_CA_CERT: the certificate authority for TLS"}
  }
})
// clang-format on
