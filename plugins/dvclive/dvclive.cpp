// SPDX-License-Identifier: Apache-2.0
//
// DVCLiveCallback of transformers 5.23.0 (integrations/integration_utils.py) over files of its own.
// docs/plugins/dvclive.md says what differs and why.
#include <algorithm>
#include <cctype>
#include <memory>
#include <set>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>
#include <utility>

#include "experiment.hpp"
#include "live.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"

namespace {

namespace dl = trainer::dvclive;
namespace plugins = trainer::plugins;
using trainer::sdk::Host;
using trainer::sdk::Value;

enum class Models { none, last, all };

class DvcLive : public trainer::sdk::TrainerCallback, public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit DvcLive(const Host& host) : host_(host), given_(host), models_(asked_models(given_)) {}

  static void available(const Host&) {
    if (!dl::find_above(std::filesystem::current_path(), ".dvc").empty()) return;
    for (const auto& [name, value] : plugins::environment())  // set, were it to nothing
      for (const std::string_view prefix : {"DVCLIVE_", "DVC_EXP_", "HF_DVCLIVE_"})
        if (name == "DVC_ROOT" || name.compare(0, prefix.size(), prefix) == 0) return;
    throw trainer::sdk::NotConfigured(
        "the current directory is not in a DVC repository; run `dvc init`, set DVCLIVE_RESUME or "
        "another variable of DVCLive, or name dvclive in report_to");
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override { set_up(args, state, true); }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    set_up(args, state, false);
    // Where this instance took over in the middle of a training, the history may have had this log already.
    if (!live_ || host_.log_history_size() <= std::exchange(from_history_, 0)) return;
    log(logs, false);
  }

  void on_save(const Arguments& args, const State&, Control&) override {
    if (live_ && models_ == Models::all) experiment_->add(trainer::sdk::path_of(args["output_dir"].text()));
  }

  void on_train_end(const Arguments& args, const State&, Control&) override {
    if (!live_) return;
    if (models_ == Models::last) log_model(args);
    live_->end();
    experiment_->ended(live_->directory(), live_->dvc_yaml());
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!live_) return {};
    return {{"DVCLive", trainer::sdk::text_of(live_->directory()), "dvc plots show"}};
  }

 private:
  std::string text_of(const char* key) const {
    const Value value = host_.config(key);
    return value.is_string() ? std::string(value.text()) : std::string();
  }

  std::filesystem::path path_of(const char* key) const { return trainer::sdk::path_of(text_of(key)); }

  void set_up(const Arguments& args, const State& state, bool training) {
    if (live_ || state.is_world_process_zero == 0) return;
    const auto warn = [this](const std::string& text) { host_.warning(text); };
    const auto info = [this](const std::string& text) { host_.info(text); };
    std::filesystem::path directory = path_of("dir"), dvc_yaml = path_of("dvcyaml");
    dl::ExperimentOptions options{host_.config("save_dvc_exp").flag(), given_.text("exp_name", {"DVC_EXP_NAME"}),
                                  text_of("exp_message")};
    if (dl::truthy(plugins::variable("DVCLIVE_TEST"))) {
      const std::filesystem::path temporary = plugins::make_temporary_directory("dvclive-");
      directory = temporary / directory;
      if (!dvc_yaml.empty()) dvc_yaml = temporary / dvc_yaml;
      options.save = false;
      warn("DVCLIVE_TEST is set: files go to " + trainer::sdk::text_of(temporary));
    }
    experiment_ = std::make_unique<dl::Experiment>(options, info, warn);
    live_ = std::make_unique<dl::Live>(directory, dvc_yaml, warn);
    const bool counts_on = dl::truthy(given_.text("resume", {"DVCLIVE_RESUME"}));
    const std::int64_t kept = !counts_on && training && state.global_step > 0 ? steps_of_history() : 0;
    if (counts_on)
      live_->resume();
    else if (kept > 0)
      live_->resume_at(kept);
    else
      live_->start();
    live_->log_params(args.to_json_string());
    experiment_->started();
    if (kept > 0) add_missing(kept);
  }

  void log(const Map& logs, bool from_history) {
    logs.for_each([&](std::string_view key, const Value& value) {
      if (from_history && key == "step") return;
      if (!value.is_number() && !value.is_string())
        warn_once(key, "is neither a number nor text and is left out; log its parts");
      else if (const std::string problem = live_->log_metric(key, value); !problem.empty())
        warn_once(key, "is left out: " + problem + "; rename it");
    });
    live_->next_step();
    experiment_->step_completed(live_->step() - 1);
  }

  /// How many logs of the history that goes on are in the files; 0 when these are another run's. DVCLive counts logs,
  /// so its step n is the entry n of the history. The last may be incomplete, of a process that was killed.
  std::int64_t steps_of_history() const {
    const std::int64_t most = std::min(static_cast<std::int64_t>(host_.log_history_size()), live_->steps());
    for (std::int64_t steps = most; steps > std::max<std::int64_t>(most - 2, 0); --steps)
      if (live_->continues(steps, values_of(static_cast<std::uint64_t>(steps - 1)))) return steps;
    return 0;
  }

  std::vector<std::pair<std::string, std::string>> values_of(std::uint64_t entry) const {
    std::vector<std::pair<std::string, std::string>> values;
    host_.log_history_at(entry).for_each([&](std::string_view key, const Value& value) {
      const auto path = dl::safe_path(dl::metric_name(key));
      if (key == "step" || !path || (!value.is_number() && !value.is_string())) return;
      values.emplace_back(*path, std::string());
      dl::append_value(values.back().second, value);
    });
    return values;
  }

  /// What a process that was killed did not come to.
  void add_missing(std::int64_t from) {
    from_history_ = host_.log_history_size();
    for (auto entry = static_cast<std::uint64_t>(from); entry < from_history_; ++entry)
      log(host_.log_history_at(entry), true);
  }

  /// log_model, HF_DVCLIVE_LOG_MODEL: ENV_VARS_TRUE_VALUES of transformers, or all.
  static Models asked_models(const plugins::SettingReader& given) {
    std::string upper;
    for (const char c : given.text("log_model", {"HF_DVCLIVE_LOG_MODEL"}))
      upper += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (upper == "ALL") return Models::all;
    for (const char* yes : {"1", "ON", "YES", "TRUE"})
      if (upper == yes) return Models::last;
    return Models::none;
  }

  void log_model(const Arguments& args) {
    const std::string name = args["load_best_model_at_end"].flag() ? "best" : "last";
    const std::filesystem::path saved = trainer::sdk::path_of(args["output_dir"].text()) / name;
    if (!host_.save_model(trainer::sdk::text_of(saved)))
      return host_.warning("log_model: there is no model here to log");
    const std::filesystem::path copy = live_->copy_model(saved, name);
    if (experiment_->add(copy)) live_->add_model(name, copy);
  }

  void warn_once(std::string_view key, const std::string& what) {
    if (warned_.emplace(key).second) host_.warning("the value logged as \"" + std::string(key) + "\" " + what);
  }

  Host host_;
  const plugins::SettingReader given_;
  std::unique_ptr<dl::Experiment> experiment_;
  std::unique_ptr<dl::Live> live_;
  const Models models_;
  std::uint64_t from_history_ = 0;  // logs that were written when this instance took over, until the next comes
  std::set<std::string> warned_;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(DvcLive, {
  "id": "dvclive",
  "version": TRAINER_VERSION,
  "report_to": "dvclive",
  "class": "DVCLiveCallback",
  "description": "Writes metrics, params and plots for DVC and its VS Code extension.",
  "events": ["on_train_begin", "on_train_end", "on_save", "on_log"],
  "config": {
    "dir": {"type": "string", "default": "dvclive", "description": "the directory of the files"},
    "resume": {"type": ["boolean", "null"], "default": null,
      "description": "DVCLIVE_RESUME: continue after the last step in dir; false by default"},
    "dvcyaml": {"type": ["string", "null"], "default": "dvc.yaml", "description": "the dvc.yaml to keep; null for none"},
    "save_dvc_exp": {"type": "boolean", "default": true, "description": "save a DVC experiment at the end"},
    "exp_name": {"type": ["string", "null"], "default": null, "description": "DVC_EXP_NAME: its name"},
    "exp_message": {"type": ["string", "null"], "default": null, "description": "its commit message"},
    "log_model": {"type": ["boolean", "string", "null"], "default": null,
      "description": "HF_DVCLIVE_LOG_MODEL: true: the model at the end; all: output_dir with each checkpoint; false by default"}
  }
})
// clang-format on
