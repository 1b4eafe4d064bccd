// SPDX-License-Identifier: Apache-2.0
//
// WandbCallback of transformers 5.23.0 (integrations/integration_utils.py) with a writer of its own
// for W&B's offline runs. docs/plugins/wandb.md says what differs and why.
#include <cerrno>
#include <optional>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>
#include <unordered_map>

#include "model_log.hpp"
#include "run.hpp"
#include "shared/run_config/log_keys.hpp"
#include "shared/run_config/run_config.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"
#include "watch.hpp"

namespace {

namespace plugins = trainer::plugins;
namespace wandb = trainer::wandb;
using trainer::sdk::Host;
using trainer::sdk::Value;
using Mode = wandb::Settings::Mode;

constexpr std::string_view step_key = "train/global_step";

class Wandb : public trainer::sdk::TrainerCallback,
              public trainer::sdk::Console,
              public trainer::sdk::SeesOutcome,
              public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Wandb(const Host& host) : host_(host) {}
  ~Wandb() override { finish(); }

  static void available(const Host& host) {
    const plugins::SettingReader given(host);
    if (wandb::is_disabled(given))
      throw trainer::sdk::NotConfigured("WANDB_MODE or WANDB_DISABLED switches it off; unset it to have it");
    if (!plugins::has_variable("WANDB_", {"WANDB_DISABLED"}) && !wandb::has_key(given))
      throw trainer::sdk::NotConfigured(
          "there is no WANDB_... variable and no login for it; set WANDB_MODE=offline, or "
          "WANDB_PROJECT, or log in with `wandb login`");
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    if (state.is_hyper_param_search != 0) finish(), set_up_ = false;  // a run for each trial
    exit_code_ = 1;
    if (!set_up_) set_up(args, state);
  }

  void on_train_end(const Arguments& args, const State& state, Control&) override {
    exit_code_ = 0;
    if (models_) models_->final(args, state);
    if (run_) run_->flush();
  }

  void on_save(const Arguments& args, const State& state, Control&) override {
    if (models_ && run_->settings().log_model.text == "checkpoint") models_->checkpoint(args, state);
  }

  // As the program's own, which W&B's client sends.
  void on_outcome(const trainer::sdk::Outcome& outcome) override {
    exit_code_ = outcome.is_failed() ? 1 : outcome.is_interrupted() ? 128 + outcome.signal() : 0;
  }

  std::vector<trainer::sdk::Result> results() const override {
    if (!run_) return {};
    return {{"W&B run", trainer::sdk::text_of(run_->directory()), "wandb sync {place}"}};
  }

  void on_substep_end(const Arguments&, const State&, Control&) override { after_batch(); }
  void on_pre_optimizer_step(const Arguments&, const State&, Control&) override { after_batch(); }
  void on_prediction_step(const Arguments&, const State&, Control&) override {
    if (watch_) watch_->after_forward(watched_);
  }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    if (!set_up_) set_up(args, state);
    if (!run_ || state.is_world_process_zero == 0) return;
    begin_row();
    logs.for_each([&](std::string_view key, const Value& value) {
      json(value);
      if (!plugins::is_single_value(key)) return add(key, value);
      run_->file().summary(key, json_);
      if (models_) models_->summary(key, value, json_);
    });
    last_step_ = state.global_step;
    end_row();
  }

  void on_predict(const Arguments& args, const State& state, Control&, Map& metrics) override {
    if (!set_up_) set_up(args, state);
    if (!run_ || state.is_world_process_zero == 0) return;
    begin_row();
    metrics.for_each([&](std::string_view key, const Value& value) { json(value), add(key, value); });
    end_row();
  }

  void on_line(std::uint32_t stream, std::string_view text) noexcept override {
    const std::lock_guard lock(console_mutex_);
    if (console_ != nullptr) console_->console(stream == TRAINER_STDOUT, text);
  }

 private:
  void set_up(const Arguments& args, const State& state) {
    set_up_ = true;
    if (state.is_world_process_zero == 0) return;
    wandb::Settings settings = wandb::read_settings(plugins::SettingReader(host_));
    if (settings.mode == Mode::disabled) return;
    name(settings, args, state);
    for (const std::string& warning : settings.warnings) host_.warning(warning);
    run_.emplace(std::move(settings));
    next_step_ = run_->starting_step();
    last_step_.reset();
    wandb::WandbFile& file = run_->file();
    plugins::JsonTree config = plugins::run_config(host_);
    const std::int64_t count = plugins::num_parameters(host_);
    if (count >= 0) {
      plugins::JsonTree& value = config["model/num_parameters"];
      value.kind = plugins::JsonTree::Kind::number;
      value.text = std::to_string(count);
    }
    file.config(config);
    file.metric(step_key, "", "");
    file.metric("", "*", step_key);
    file.telemetry();
    if (!host_.is_replay()) run_->start_stats();
    // At least 100 steps apart, as in transformers.
    watch_.emplace(host_, run_->settings().watch, std::max<std::int64_t>(100, state.logging_steps));
    log_models(args, count);
    {
      const std::lock_guard lock(console_mutex_);
      console_ = &*run_;
    }
    if (!run_->settings().quiet)
      host_.info("W&B run " + run_->settings().id + " is written to " + trainer::sdk::text_of(run_->directory()));
  }

  void name(wandb::Settings& settings, const Arguments& args, const State& state) const {
    const std::string run_name(args["run_name"].text()), output_dir(args["output_dir"].text());
    if ((state.present & TRAINER_STATE_HAS_TRIAL_NAME) != 0) {
      settings.name = trainer::sdk::view(state.trial_name);
      const bool unnamed = run_name.empty() || state.is_hyper_param_search != 0;
      settings.group = unnamed ? output_dir : run_name;
    } else if (!run_name.empty()) {
      settings.name = run_name;
      if (run_name == output_dir) host_.warning("run_name is the same as output_dir; give the run a name of its own");
    }
  }

  void log_models(const Arguments& args, std::int64_t num_parameters) {
    models_.reset();
    const auto& [asked, name] = run_->settings().log_model;
    if (asked == "end" || asked == "checkpoint") {
      models_.emplace(host_, *run_, num_parameters);
      models_->initial(args);
    } else if (!asked.empty() && asked != "false") {
      host_.warning(name + " is \"" + asked + "\", expected end, checkpoint or false; no model is logged");
    }
  }

  void after_batch() {
    if (!watch_) return;
    watch_->after_forward(watched_);
    watch_->after_backward(watched_);
  }

  void begin_row() {
    row_.clear(), summary_.clear();
    row_.append(watched_), summary_.append(watched_);
    watched_.clear();
  }

  void json(const Value& value) {
    json_.clear();
    plugins::append_json(json_, value, false);
  }

  void add(std::string_view key, const Value& value) {
    const auto found = names_.find(key_.assign(key));
    const std::string& name =
        found != names_.end() ? found->second : names_.emplace(key_, plugins::rewrite_key(key)).first->second;
    put(name, json_, !value.is_null());
    if (models_) models_->summary(name, value, json_);
  }

  void put(std::string_view key, std::string_view text, bool in_summary = true) {
    row_.add(key, text);
    if (in_summary) summary_.add(key, text);
  }

  /// W&B's client adds the time and its own count of rows, and the last value of the step metric.
  void end_row() {
    if (last_step_) {
      put(step_key, number(*last_step_));
      if (models_) models_->summary(step_key, Value(*last_step_), json_);
    }
    put("_timestamp", number(static_cast<double>(plugins::nanoseconds_now()) / 1e9));
    put("_runtime", number(run_->seconds()));
    put("_step", number(next_step_));
    run_->file().history(next_step_++, row_, summary_);
  }

  template <typename T>
  std::string_view number(T value) {
    json(Value(value));
    return json_;
  }

  void finish() noexcept try {
    {
      const std::lock_guard lock(console_mutex_);
      console_ = nullptr;
    }
    if (!run_) return;
    models_.reset(), watch_.reset();
    run_->finish(exit_code_);
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
    const std::string later = "; `wandb sync " + directory + "` sends it";
    const std::filesystem::path program = plugins::find_program("wandb");
    const plugins::SettingReader given(host_);
    if (!wandb::has_key(given) || program.empty()) {
      if (!run_->settings().quiet)
        host_.info("the W&B run is only on this disk: " +
                   std::string(program.empty() ? "the command wandb is not on PATH" : "there is no login for W&B") +
                   later);
      return;
    }
    const Value limit = host_.config("sync_seconds");
    const int status = plugins::start_program(
        {trainer::sdk::text_of(program), "sync", directory}, run_->directory() / "logs" / "sync.log",
        std::chrono::duration<double>(limit.is_number() ? limit.number() : 60),
        given.changed_variables(
            {{"api_key", "WANDB_API_KEY"}, {"base_url", "WANDB_BASE_URL"}, {"mode", "WANDB_MODE"}}));
    const std::string log = trainer::sdk::text_of(run_->directory() / "logs" / "sync.log");
    if (status == -1)
      host_.info("`wandb sync` still sends the run; it writes to " + log);
    else if (status != 0)
      host_.warning("`wandb sync` ended with status " + std::to_string(status) + ", see " + log + later + " again");
  }

  Host host_;
  std::optional<wandb::Run> run_;
  std::optional<wandb::ModelLog> models_;
  std::optional<wandb::Watch> watch_;
  std::mutex console_mutex_;
  wandb::Run* console_ = nullptr;
  bool set_up_ = false;
  int exit_code_ = 0;
  std::int64_t next_step_ = 0;
  std::optional<std::int64_t> last_step_;
  std::unordered_map<std::string, std::string> names_;
  wandb::Items row_, summary_, watched_;
  std::string key_, json_;  // keep their memory
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Wandb, {
  "id": "wandb",
  "version": TRAINER_VERSION,
  "report_to": "wandb",
  "description": "Writes an offline run for Weights & Biases.",
  "events": ["on_train_begin", "on_train_end", "on_pre_optimizer_step", "on_substep_end",
             "on_predict", "on_save", "on_log", "on_prediction_step"],
  "config": {
    "project": {"type": ["string", "null"], "default": null,
      "description": "WANDB_PROJECT; \"huggingface\" by default"},
    "entity": {"type": ["string", "null"], "default": null,
      "description": "WANDB_ENTITY"},
    "name": {"type": ["string", "null"], "default": null,
      "description": "WANDB_NAME: the run's name if the argument run_name is not given"},
    "run_group": {"type": ["string", "null"], "default": null,
      "description": "WANDB_RUN_GROUP"},
    "job_type": {"type": ["string", "null"], "default": null,
      "description": "WANDB_JOB_TYPE"},
    "notes": {"type": ["string", "null"], "default": null,
      "description": "WANDB_NOTES"},
    "tags": {"type": ["array", "null"], "default": null,
      "description": "WANDB_TAGS: texts of 1 to 64 characters"},
    "dir": {"type": ["string", "null"], "default": null,
      "description": "WANDB_DIR: where the directory wandb is; the current one by default"},
    "mode": {"type": ["string", "null"], "default": null,
      "description": "WANDB_MODE: online, offline or disabled; online by default"},
    "run_id": {"type": ["string", "null"], "default": null,
      "description": "WANDB_RUN_ID"},
    "resume": {"type": ["string", "null"], "default": null,
      "description": "WANDB_RESUME: allow, must, auto or never"},
    "host": {"type": ["string", "null"], "default": null,
      "description": "WANDB_HOST: this machine's name by default"},
    "sweep_id": {"type": ["string", "null"], "default": null,
      "description": "WANDB_SWEEP_ID"},
    "console": {"type": ["string", "null"], "default": null,
      "description": "WANDB_CONSOLE: off keeps no console lines"},
    "silent": {"type": ["boolean", "null"], "default": null,
      "description": "WANDB_SILENT: do not say where the run is; false by default"},
    "quiet": {"type": ["boolean", "null"], "default": null,
      "description": "WANDB_QUIET: the same"},
    "stats_sampling_interval": {"type": ["number", "null"], "default": null,
      "description": "WANDB__STATS_SAMPLING_INTERVAL: seconds between system rows, 0.1 or more; 15 by default"},
    "disable_stats": {"type": ["boolean", "null"], "default": null,
      "description": "WANDB__DISABLE_STATS: no system rows; false by default"},
    "log_model": {"type": ["string", "null"], "default": null,
      "description": "WANDB_LOG_MODEL: end, checkpoint or false; false by default"},
    "watch": {"type": ["string", "null"], "default": null,
      "description": "WANDB_WATCH: gradients, parameters, all or false; false by default"},
    "api_key": {"type": ["string", "null"], "default": null,
      "description": "WANDB_API_KEY, for wandb sync; better kept in the environment"},
    "base_url": {"type": ["string", "null"], "default": null,
      "description": "WANDB_BASE_URL, for wandb sync"},
    "sync_seconds": {
      "type": "number",
      "default": 60,
      "minimum": 0,
      "description": "how long to wait at the end for `wandb sync`, which continues after that"
    }
  }
})
// clang-format on
