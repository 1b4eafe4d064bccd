// SPDX-License-Identifier: Apache-2.0
//
// TrackioCallback of transformers 5.23.0 (integrations/integration_utils.py) over Trackio's inbox and
// its server's bulk_log. docs/plugins/trackio.md says what differs and why.
#include <memory>
#include <trainer/sdk.hpp>
#include <trainer/sdk/path.hpp>

#include "inbox.hpp"
#include "records.hpp"
#include "sender.hpp"
#include "shared/run_config/log_keys.hpp"
#include "shared/run_config/run_config.hpp"
#include "shared/settings/settings.hpp"
#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/random_id.hpp"

namespace {

namespace tr = trainer::trackio;
using trainer::plugins::SettingReader;
using trainer::plugins::variable;
using trainer::sdk::Host;
using trainer::sdk::Value;

constexpr double longest_flush = 5;  // seconds at the end of a training

class Trackio : public trainer::sdk::TrainerCallback, public trainer::sdk::HasResults {
 public:
  static constexpr auto runs_on = trainer::sdk::RunsOn::world_zero;

  explicit Trackio(const Host& host) : host_(host), given_(host) {}

  static void available(const Host& host) {
    if (!server_url(SettingReader(host)).empty())
      if (const std::string problem = trainer::plugins::http::library_problem(); !problem.empty())
        throw trainer::sdk::Unavailable(problem);
    for (const char* name : {"TRACKIO_DIR", "TRACKIO_SERVER_URL", "TRACKIO_SPACE_ID"})
      if (!variable(name).empty()) return;
    if (host.argument("trackio_space_id").is_string()) return;
    throw trainer::sdk::NotConfigured(
        "no Trackio is configured; set TRACKIO_DIR to the directory of its data or "
        "TRACKIO_SERVER_URL to its server, or name trackio in report_to");
  }

  void on_train_begin(const Arguments& args, const State& state, Control&) override { set_up(args, state); }

  void on_log(const Arguments& args, const State& state, Control&, Map& logs) override {
    if (!set_up(args, state)) return;
    members_.clear();
    logs.for_each([&](std::string_view key, const Value& value) {
      if (!trainer::plugins::is_single_value(key)) add(key, value);
    });
    tr::append_member(members_, "train/global_step", Value(state.global_step));
    write();
  }

  void on_predict(const Arguments& args, const State& state, Control&, Map& metrics) override {
    if (!set_up(args, state)) return;
    members_.clear();
    metrics.for_each([&](std::string_view key, const Value& value) { add(key, value); });
    write();
    flush();
  }

  void on_train_end(const Arguments&, const State&, Control&) override { flush(); }

  std::vector<trainer::sdk::Result> results() const override {
    if (!inbox_) return {};
    if (sender_) return {{"Trackio", shown_server()}};
    return {{"Trackio", trainer::sdk::text_of(data_), "TRACKIO_DIR={place} trackio show"}};
  }

 private:
  std::string shown_server() const {
    const std::string url = server_url(given_);
    return url.substr(0, url.find('?'));
  }
  static std::string server_url(const SettingReader& given) { return given.text("server_url", {"TRACKIO_SERVER_URL"}); }

  bool set_up(const Arguments& args, const State& state) {
    if (state.is_world_process_zero == 0) return false;
    if (inbox_) return true;
    run_.project = std::string(args["project"].text());
    const Value name = args["run_name"];
    if (name.is_string() && !name.text().empty()) {
      run_.name = std::string(name.text());
    } else {
      run_.name = tr::random_name();
      run_.id = trainer::plugins::random_hex(32);
    }
    config_ = tr::run_config(host_.model_config_json(), args.to_json_string(), trainer::plugins::num_parameters(host_),
                             trainer::plugins::utc_now());
    connect(args);
    data_ = tr::data_directory(given_.text("dir", {"TRACKIO_DIR"}));
    inbox_ = std::make_unique<tr::Inbox>(data_);
    host_.info("run \"" + run_.name + "\" of project \"" + run_.project + "\" is logged to " +
               (sender_ ? shown_server() : trainer::sdk::text_of(data_) + "; `trackio show` opens it"));
    return true;
  }

  void connect(const Arguments& args) {
    const std::string server = server_url(given_);
    std::string space(args["trackio_space_id"].text());
    if (space.empty()) space = variable("TRACKIO_SPACE_ID");
    if (!space.empty()) {
      host_.warning(
          "Spaces are reached only by Trackio's own Python: the rows are kept here, and "
          "`trackio sync --project " +
          run_.project + " --space-id " + space + "` sends them; or name python:trackio in report_to");
    } else if (!server.empty()) {
      sender_ =
          std::make_unique<tr::Sender>(tr::parse_server(server, given_.text("write_token", {"TRACKIO_WRITE_TOKEN"})),
                                       [host = host_](const std::string& text) { host.warning(text); });
    } else if (!args["trackio_bucket_id"].text().empty()) {
      host_.warning(
          "trackio_bucket_id is for Spaces and has no effect without one: metrics are "
          "kept locally; set trackio_space_id, or leave the bucket out");
    }
  }

  void add(std::string_view key, const Value& value) {
    tr::append_member(members_, trainer::plugins::rewrite_key(key), value);
  }

  void write() {
    std::optional<std::int64_t> step;
    if (!run_.id.empty()) step = step_;
    record_.clear();
    tr::append_record(record_, run_, members_, step, trainer::plugins::utc_now(), config_,
                      trainer::plugins::random_hex(32));
    record_ += '\n';
    const std::filesystem::path fragment = inbox_->write(record_);
    ++step_;
    config_.clear();  // goes with the first row
    if (sender_) sender_->add(record_.substr(0, record_.size() - 1), fragment);
  }

  void flush() {
    if (!sender_) return;
    const std::size_t left = sender_->flush(longest_flush);
    if (left != 0)
      host_.warning(std::to_string(left) +
                    " rows did not reach the Trackio server; they are kept "
                    "in " +
                    trainer::sdk::text_of(inbox_->directory()) + ", and `trackio show` on this machine has them");
  }

  Host host_;
  SettingReader given_;
  tr::Run run_;
  std::filesystem::path data_;
  std::string config_, members_, record_;
  std::int64_t step_ = 0;
  std::unique_ptr<tr::Inbox> inbox_;
  std::unique_ptr<tr::Sender> sender_;
};

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN(Trackio, {
  "id": "trackio",
  "version": TRAINER_VERSION,
  "report_to": "trackio",
  "class": "TrackioCallback",
  "description": "Logs to Trackio, through its inbox directory or its server.",
  "events": ["on_train_begin", "on_train_end", "on_log", "on_predict"],
  "config": {
    "dir": {"type": ["string", "null"], "default": null,
      "description": "TRACKIO_DIR: the directory of Trackio's data; below HF_HOME by default"},
    "server_url": {"type": ["string", "null"], "default": null,
      "description": "TRACKIO_SERVER_URL: the server of trackio show"},
    "write_token": {"type": ["string", "null"], "default": null,
      "description": "TRACKIO_WRITE_TOKEN; better kept in the environment"}
  }
})
// clang-format on
