// SPDX-License-Identifier: Apache-2.0
//
// SwanLabCallback of transformers 5.23.0 (integrations/integration_utils.py) with a writer of its
// own for SwanLab's run files. docs/plugins/swanlab.md says what differs and why.
#include <cerrno>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>
#include <unordered_map>

#include "log_values.hpp"
#include "run.hpp"
#include "shared/run_config/log_keys.hpp"
#include "shared/run_config/run_config.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"

namespace {

namespace plugins = trainer::plugins;
namespace swanlab = trainer::swanlab;
using plugins::JsonTree;
using trainer::sdk::Host;
using trainer::sdk::Value;
using Mode = swanlab::Settings::Mode;

JsonTree leaf(JsonTree::Kind kind, std::string text) {
  JsonTree tree;
  tree.kind = kind, tree.text = std::move(text);
  return tree;
}

class SwanLab : public trainer::sdk::TrainerCallback,
                public trainer::sdk::Console,
                public trainer::sdk::SeesOutcome,
                public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit SwanLab(const Host& host) : host_(host) {}
  ~SwanLab() override { finish(); }

  static void available(const Host& host) {
    const plugins::SettingReader given(host);
    if (swanlab::is_disabled(given))
      throw trainer::sdk::NotConfigured("SWANLAB_MODE is \"disabled\"; unset it to have it");
    if (!plugins::has_variable("SWANLAB_", {}) && !swanlab::has_key(given))
      throw trainer::sdk::NotConfigured(
          "there is no SWANLAB_... variable and no login for it; set SWANLAB_MODE=offline, or log "
          "in with `swanlab login`");
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    crash_ = "the training failed";
    if (!set_up_) set_up(args, state);
  }

  void on_train_end(const Arguments&, const State&, Control&) override {
    crash_.clear();
    if (run_) run_->flush();
  }

  void on_outcome(const trainer::sdk::Outcome& outcome) override {
    crash_ = outcome.is_failed() ? outcome.error() : std::string_view();
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!run_) return {};
    return {{"SwanLab run", trainer::sdk::text_of(run_->directory()), "swanlab sync {place}"}};
  }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    if (!set_up_) set_up(args, state);
    if (!run_ || state.is_world_process_zero == 0) return;
    last_step_ = std::max(last_step_, state.global_step);
    // Single values come first and one by one, as in transformers.
    logs.for_each([&](std::string_view key, const Value& value) {
      if (!plugins::is_single_value(key)) return;
      values_.add("single_value/" + std::string(key), value);
      log(state.global_step);
    });
    logs.for_each([&](std::string_view key, const Value& value) {
      if (!plugins::is_single_value(key)) values_.add(name(key), value);
    });
    values_.add("train/global_step", Value(state.global_step));
    log(state.global_step);
  }

  void on_predict(const Arguments& args, const State& state, Control&, Map& metrics) override {
    if (!set_up_) set_up(args, state);
    if (!run_ || state.is_world_process_zero == 0) return;
    metrics.for_each([&](std::string_view key, const Value& value) { values_.add(name(key), value); });
    log(++last_step_);  // transformers gives no step
  }

  void on_line(std::uint32_t, std::string_view text) noexcept override {
    const std::lock_guard lock(console_mutex_);
    if (console_ != nullptr) console_->console(text);
  }

 private:
  void set_up(const Arguments& args, const State& state) {
    set_up_ = true;
    if (state.is_world_process_zero == 0) return;
    const Value checkpoint = args["resume_from_checkpoint"];
    const bool resuming = checkpoint.is_string() ? !checkpoint.text().empty() : checkpoint.flag();
    swanlab::Settings settings =
        swanlab::read_settings(plugins::SettingReader(host_), resuming || state.global_step > 0);
    if (settings.mode == Mode::disabled) return;
    const std::string run_name(args["run_name"].text());
    if (!run_name.empty()) settings.name = run_name;
    if ((state.present & TRAINER_STATE_HAS_TRIAL_NAME) != 0) {
      const std::string trial(trainer::sdk::view(state.trial_name));
      settings.name = run_name.empty() ? trial : run_name + "-" + trial;
    }
    if (!plugins::variable("SWANLAB_LOG_MODEL").empty())
      host_.warning(
          "SWANLAB_LOG_MODEL is set, but SwanLab cannot store models; unset it, nothing of it is "
          "stored");
    swanlab::fit_names(settings);
    for (const std::string& warning : settings.warnings) host_.warning(warning);
    run_.emplace(std::move(settings));
    run_->config(config());
    {
      const std::lock_guard lock(console_mutex_);
      console_ = &*run_;
    }
    host_.info("SwanLab run " + run_->settings().id + " is written to " + trainer::sdk::text_of(run_->directory()));
  }

  JsonTree config() const {
    JsonTree config;
    config.kind = JsonTree::Kind::object;
    config["FRAMEWORK"] = leaf(JsonTree::Kind::string, "\U0001F917transformers");
    JsonTree values = plugins::run_config(host_);
    for (std::size_t i = 0; i < values.keys.size(); ++i) config[values.keys[i]] = std::move(values.items[i]);
    if (const std::int64_t count = plugins::num_parameters(host_); count >= 0)
      config["model_num_parameters"] = leaf(JsonTree::Kind::number, std::to_string(count));
    return config;
  }

  const std::string& name(std::string_view log_key) {
    const auto found = names_.find(key_.assign(log_key));
    return found != names_.end() ? found->second : names_.emplace(key_, plugins::rewrite_key(log_key)).first->second;
  }

  /// Writes what values_ has, and empties it.
  void log(std::int64_t step) {
    const std::int64_t time = plugins::nanoseconds_now();
    for (const auto& [key, value] : values_.entries()) run_->scalar(key, step, time, value);
    for (const auto& [key, why] : values_.refused())
      if (warned_.insert(key).second) host_.warning("what is logged as \"" + key + "\" " + why + " and is left out");
    values_.clear();
  }

  void finish() noexcept try {
    {
      const std::lock_guard lock(console_mutex_);
      console_ = nullptr;
    }
    if (!run_) return;
    run_->finish(crash_);
    if (run_->settings().mode == Mode::online) sync();
    run_.reset();
  } catch (const trainer::sdk::FileError& e) {
    run_.reset();
    if (e.code() != ENOENT)
      host_.warning(e.what());  // that its file was removed is said by the last log, or by the end
  } catch (const std::exception& e) {
    run_.reset();
    host_.warning(e.what());
  }

  void sync() const {
    const std::string directory = trainer::sdk::text_of(run_->directory());
    const std::filesystem::path program = plugins::find_program("swanlab");
    const plugins::SettingReader given(host_);
    if (!swanlab::has_key(given) || program.empty()) {
      host_.info("the SwanLab run is only on this disk: " +
                 std::string(program.empty() ? "the command swanlab is not on PATH" : "there is no login for SwanLab") +
                 "; `swanlab sync " + directory + "` sends it");
      return;
    }
    const Value limit = host_.config("sync_seconds");
    const std::filesystem::path log_file = run_->directory() / "sync.log";
    const std::string log = trainer::sdk::text_of(log_file);
    const int status = plugins::start_program(
        {trainer::sdk::text_of(program), "sync", directory}, log_file,
        std::chrono::duration<double>(limit.is_number() ? limit.number() : 60),
        given.changed_variables(
            {{"api_key", "SWANLAB_API_KEY"}, {"api_host", "SWANLAB_API_HOST"}, {"web_host", "SWANLAB_WEB_HOST"}}));
    if (status == -1)
      host_.info("`swanlab sync` still sends the run; it writes to " + log);
    else if (status != 0)
      host_.warning("`swanlab sync` ended with status " + std::to_string(status) + ", see " + log + "; `swanlab sync " +
                    directory + "` sends the run again");
  }

  Host host_;
  std::optional<swanlab::Run> run_;
  std::mutex console_mutex_;
  swanlab::Run* console_ = nullptr;
  bool set_up_ = false;
  std::string crash_;            // why the training failed; empty when it did not
  std::int64_t last_step_ = -1;  // theirs counts from 0
  std::unordered_map<std::string, std::string> names_;
  swanlab::LogValues values_;
  std::set<std::string> warned_;
  std::string key_;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(SwanLab, {
  "id": "swanlab",
  "version": TRAINER_VERSION,
  "report_to": "swanlab",
  "description": "Writes a run file for SwanLab.",
  "events": ["on_train_begin", "on_train_end", "on_predict", "on_log"],
  "config": {
    "project": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_PROJECT: the name of the current directory by default"},
    "workspace": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_WORKSPACE"},
    "public": {"type": ["boolean", "null"], "default": null,
      "description": "SWANLAB_PUBLIC: a public run; false by default"},
    "exp_name": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_EXP_NAME: the run's name if the argument run_name is not given"},
    "description": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_DESCRIPTION"},
    "group": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_GROUP"},
    "job_type": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_JOB_TYPE"},
    "tags": {"type": ["array", "null"], "default": null,
      "description": "SWANLAB_TAGS"},
    "exp_color": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_EXP_COLOR; #528d59 by default"},
    "log_dir": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_LOG_DIR; \"swanlog\" by default"},
    "mode": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_MODE: online, offline or disabled; online by default"},
    "run_id": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_RUN_ID"},
    "resume": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_RESUME: must, allow or never; allow if a checkpoint is resumed, otherwise never"},
    "terminal_proxy_type": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_TERMINAL_PROXY_TYPE: none keeps no console lines"},
    "api_key": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_API_KEY, for swanlab sync; better kept in the environment"},
    "api_host": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_API_HOST, for swanlab sync"},
    "web_host": {"type": ["string", "null"], "default": null,
      "description": "SWANLAB_WEB_HOST, for swanlab sync"},
    "sync_seconds": {
      "type": "number",
      "default": 60,
      "minimum": 0,
      "description": "how long to wait at the end for `swanlab sync`, which continues after that"
    }
  }
})
// clang-format on
