// SPDX-License-Identifier: Apache-2.0
//
// TensorBoardCallback of transformers 5.23.0 (integrations/integration_utils.py) with a writer of
// its own. docs/plugins/tensorboard.md says what differs and why.
#include <deque>
#include <optional>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>
#include <unordered_map>
#include <utility>

#include "event_writer.hpp"
#include "log_directory.hpp"
#include "shared/run_config/log_keys.hpp"
#include "shared/run_config/names.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "shared/system/open_directory.hpp"

namespace {

namespace plugins = trainer::plugins;
namespace tb = trainer::tensorboard;
using trainer::sdk::Host;
using trainer::sdk::Value;

/// What is known of a key of the logs, made when it is first seen.
struct Tag {
  explicit Tag(std::string_view log_key) : key(log_key), tag(plugins::rewrite_key(log_key)), scalar(tag) {}

  std::string key, tag;
  tb::ScalarTag scalar;
  bool warned = false;
};

class Tags {
 public:
  Tag& operator[](std::string_view key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) return *found->second;
    Tag& tag = tags_.emplace_back(key);
    by_key_.emplace(tag.key, &tag);
    return tag;
  }

 private:
  std::deque<Tag> tags_;  // never moves its elements
  std::unordered_map<std::string_view, Tag*> by_key_;
};

class TensorBoard : public trainer::sdk::TrainerCallback, public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit TensorBoard(const Host& host) : host_(host) {
    directory_ = plugins::expand_user(plugins::SettingReader(host).text("logging_dir", {"TENSORBOARD_LOGGING_DIR"}));
  }
  ~TensorBoard() override {
    try {
      close();
    } catch (const std::exception& error) {
      host_.warning(error.what());
    }
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override {
    if (state.is_world_process_zero == 0) return;
    if (state.is_hyper_param_search != 0 && (state.present & TRAINER_STATE_HAS_TRIAL_NAME) != 0) {
      std::string trial(trainer::sdk::view(state.trial_name));
      if (!plugins::is_plain_name(trial))
        trial = "trial-" + plugins::fit_name(trial, {.allowed = "-_", .forbidden = {}, .most = 60});
      directory_ = new_directory(args) / trainer::sdk::path_of(trial);
      close();  // a trial's evaluation may have opened one in the trial's directory
    }
    open(args);
    const double now = plugins::seconds_now();
    // What an earlier run wrote after the checkpoint comes again: from the step after it, readers
    // must see this run only.
    if (state.global_step > 0 && joined_) writer_->events().session_start(now, state.global_step + 1);
    writer_->events().text("args", now, 0, args.to_json_string());
    const std::string_view model_config = host_.model_config_json();
    if (!model_config.empty()) writer_->events().text("model_config", now, 0, model_config);
    writer_->flush();
  }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    if (state.is_world_process_zero == 0) return;
    open(args);
    const double now = plugins::seconds_now();
    auto& events = writer_->events();
    logs.for_each([&](std::string_view key, const Value& value) {
      Tag& tag = tags_[key];
      if (value.is_number())
        events.scalar(tag.scalar, now, state.global_step, value.number());
      else if (value.is_string())
        events.text(tag.tag, now, state.global_step, value.text());
      else
        warn(tag);
    });
    writer_->flush();
  }

  void on_train_end(const Arguments&, const State&, Control&) override { close(); }

  // With those of other runs beside it, if it is one of output_dir/runs.
  std::vector<trainer::sdk::Result> results() const override {
    if (directory_.empty()) return {};
    const auto shown = is_timed_ ? directory_.parent_path() : directory_;
    return {{"event files", trainer::sdk::text_of(shown), "tensorboard --logdir {place}"}};
  }

 private:
  static std::filesystem::path new_directory(const Arguments& args) {
    const auto output_dir = trainer::sdk::path_of(args["output_dir"].text());
    return plugins::make_timed_directory(plugins::nanoseconds_now(), [&](std::int64_t time) {
      return output_dir / tb::default_logdir(static_cast<std::time_t>(time / 1'000'000'000));
    });
  }

  void open(const Arguments& args) {
    if (writer_) return;
    if (directory_.empty()) {
      directory_ = new_directory(args);
      is_timed_ = true;
    }
    joined_ = tb::has_event_files(directory_);
    writer_.emplace(directory_);
  }

  void close() {
    if (!writer_) return;
    tb::EventWriter writer = *std::exchange(writer_, std::nullopt);
    writer.close();
  }

  void warn(Tag& tag) {
    if (tag.warned) return;
    tag.warned = true;
    host_.warning("the value logged as \"" + tag.key +
                  "\" is neither a number nor text and is left out; log its parts under names of "
                  "their own");
  }

  Host host_;
  std::filesystem::path directory_;  // once known, it stays for later files of this instance
  std::optional<tb::EventWriter> writer_;
  bool is_timed_ = false;  // one of output_dir/runs
  bool joined_ = false;    // the directory held event files before ours
  Tags tags_;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(TensorBoard, {
  "id": "tensorboard",
  "version": TRAINER_VERSION,
  "report_to": "tensorboard",
  "description": "Writes scalars and texts to event files for TensorBoard.",
  "events": ["on_train_begin", "on_train_end", "on_log"],
  "config": {
    "logging_dir": {"type": ["string", "null"], "default": null,
      "description": "TENSORBOARD_LOGGING_DIR: the directory itself, instead of one below output_dir/runs"}
  }
})
// clang-format on
