// SPDX-License-Identifier: Apache-2.0
//
// transformers' MLflowCallback: events become records of the journal.
#include "shared/mlflow/tracker.hpp"

#include <algorithm>
#include <cstdlib>
#include <stdexcept>
#include <trainer/sdk/path.hpp>
#include <utility>

#include "shared/system/clock.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins::mlflow {
namespace fs = std::filesystem;
namespace {

/// What `trainer replay` can be given for this directory; empty when there is nothing yet.
fs::path replayable(const fs::path& output_dir) {
  std::error_code error;
  if (fs::exists(output_dir / "trainer_state.json", error)) return output_dir / "trainer_state.json";
  fs::path newest;
  long newest_step = -1;
  for (fs::directory_iterator it(output_dir, error), end; !error && it != end; it.increment(error)) {
    const std::string name = sdk::text_of(it->path().filename());
    if (name.compare(0, 11, "checkpoint-") != 0) continue;
    const long step = std::strtol(name.c_str() + 11, nullptr, 10);
    if (step > newest_step && fs::exists(it->path() / "trainer_state.json", error))
      newest_step = step, newest = it->path() / "trainer_state.json";
  }
  return newest;
}

/// The same files under another name, so that a checkpoint may go.
void keep_files(const fs::path& from, const fs::path& to, const std::string& leave_out) {
  for (fs::recursive_directory_iterator it(from), end; it != end; ++it) {
    if (it.depth() == 0 && sdk::text_of(it->path().filename()).starts_with(leave_out)) {
      it.disable_recursion_pending();
      continue;
    }
    if (!it->is_regular_file()) continue;
    const fs::path target = to / it->path().lexically_relative(from);
    fs::create_directories(target.parent_path());
    link_or_copy(it->path(), target);
  }
}

}  // namespace

Tracker::Tracker(const sdk::Host& host, std::string id, Settings settings)
    : host_(host), id_(std::move(id)), settings_(std::move(settings)) {}

Tracker::~Tracker() {
  try {
    if (open_) end(!training_ ? "FINISHED" : trained_ ? "" : "FAILED");
    if (!sender_) return;
    sender_->close(settings_.wait);
    report_rest();
  } catch (const std::exception& error) {
    host_.warning(error.what());
  }
}

void Tracker::on_train_begin(const Arguments& args, const State& state, Control&) {
  if (state.is_world_process_zero == 0) return;
  if (trained_) live_ = nullptr;  // a second training of this program is a second run
  if (live_ == nullptr) setup(args);
  training_ = begun_ = true, trained_ = false;
}

void Tracker::on_log(const Arguments& args, const State& state, Control&, Map& logs) {
  if (state.is_world_process_zero == 0) return;
  if (live_ == nullptr && !only_journals_) setup(args);
  if (only_journals_) return;
  // Two logs of one millisecond and step with an equal value would be one point to MLflow.
  last_time_ = std::max(milliseconds_now(), last_time_ + 1);
  items_.clear();
  logs.for_each([&](std::string_view name, const sdk::Value& value) {
    Key& to = key(name);
    if (to.name.empty()) return;
    if (!value.is_number()) return warn_value(to, name);
    if (items_.count() == most_entities) append_items(Record::Kind::metrics);
    items_.add_metric(to.name, value.number(), last_time_, state.global_step);
  });
  append_items(Record::Kind::metrics);
  sender_->notify();
}

void Tracker::on_save(const Arguments& args, const State& state, Control&) {
  if (state.is_world_process_zero == 0 || live_ == nullptr || !settings_.log_artifacts) return;
  const std::string name = "checkpoint-" + std::to_string(state.global_step);
  log_artifacts(sdk::path_of(args["output_dir"].text()) / sdk::path_of(name), name);
}

void Tracker::on_train_end(const Arguments&, const State& state, Control&) {
  if (state.is_world_process_zero == 0 || live_ == nullptr) return;
  end("FINISHED");
  trained_ = true;
}

// A host that does not tell it leaves the end of a training that failed to the destructor.
void Tracker::on_outcome(const sdk::Outcome& outcome) {
  if (live_ == nullptr || !std::exchange(begun_, false)) return;
  if (outcome.is_failed()) end("FAILED");
  if (outcome.is_interrupted()) end("KILLED");
  trained_ = true;
}

std::vector<sdk::Result> Tracker::results() const {
  if (live_ == nullptr) return {};
  return {{"MLflow", sdk::masked_url(settings_.uri)}};
}

void Tracker::setup(const Arguments& args) {
  if (!settings_.unsupported.empty())
    host_.warning(std::exchange(settings_.unsupported, {}) +
                  " asks for metrics of the machine, which this tracker does not log; python:mlflow in report_to does");
  output_dir_ = sdk::path_of(args["output_dir"].text());
  if (!sender_)
    sender_ =
        std::make_unique<Sender>(settings_, Reporter{[host = host_](const std::string& line) { host.info(line); },
                                                     [host = host_](const std::string& line) { host.warning(line); }});
  if (!adopted_) {
    adopted_ = true;
    // The journal has the run with its own times: what is replayed would be a second one.
    only_journals_ = adopt_journals() && host_.is_replay();
    if (only_journals_) host_.info("the journal of the run is sent, in place of what is replayed");
  }
  if (only_journals_) return;

  auto journal = std::make_unique<Journal>(output_dir_, id_, describe_run(args).to_json());
  live_ = journal.get();
  open_ = true;
  sender_->add(std::make_unique<Delivery>(std::move(journal), false));
  log_setup(args);
}

/// The run that begins now.
RunHeader Tracker::describe_run(const Arguments& args) {
  RunHeader run;
  run.uri = sdk::masked_url(settings_.uri);
  run.experiment_name = settings_.experiment_name;
  run.experiment_id = settings_.experiment_id;
  if (run.experiment_name.empty() && run.experiment_id.empty()) run.experiment_id = "0";
  if (!run_id_used_) run.run_id = settings_.run_id;
  run.keep_status = !run.run_id.empty() && settings_.run_is_owned;
  run_id_used_ = true;
  const sdk::Value name = args["run_name"];
  if (name.is_string()) run.run_name = name.text();
  run.user = settings_.user.empty() ? user_name() : settings_.user;
  run.start_time = last_time_ = std::max(milliseconds_now(), last_time_ + 1);
  run.tags = {{"mlflow.user", run.user}, {"mlflow.source.name", program_name()}, {"mlflow.source.type", "LOCAL"}};
  if (!settings_.run_context.text.empty())
    for (auto& tag : make_tags(settings_.run_context.text, settings_.run_context.name))
      run.tags.push_back(std::move(tag));
  if (!run.run_name.empty()) run.tags.emplace_back("mlflow.runName", run.run_name);
  if (!settings_.parent_run_id.empty()) run.tags.emplace_back("mlflow.parentRunId", settings_.parent_run_id);
  return run;
}

void Tracker::log_setup(const Arguments& args) {
  Params params = make_params(host_.model_config_json(), args.to_json_string(), settings_.flatten_params);
  for (const std::string& sentence : params.dropped) host_.warning(sentence);
  if (settings_.max_log_params && *settings_.max_log_params < params.kept.size())
    params.kept.resize(*settings_.max_log_params);
  const auto write = [&](Record::Kind kind, const Pairs& pairs) {
    items_.clear();
    for (const auto& [key, value] : pairs) {
      if (items_.count() == most_params) append_items(kind);
      items_.add_pair(key, value);
    }
    append_items(kind);
  };
  write(Record::Kind::params, params.kept);
  if (!settings_.tags.text.empty()) {
    try {
      write(Record::Kind::tags, make_tags(settings_.tags.text, settings_.tags.name));
    } catch (const std::invalid_argument& error) {
      host_.warning(std::string(error.what()) + "; the run goes on without these tags");
    }
  }
  sender_->notify();
}

/// Hands what earlier programs left in the output directory to the sender; whether there was any.
bool Tracker::adopt_journals() {
  bool any = false;
  for (const fs::path& path : Journal::left_over(output_dir_, id_)) {
    FileLock lock;
    if (!lock.take(path)) continue;  // a living program writes it
    std::error_code error;
    if (fs::file_size(path, error) == 0 || error) continue;
    try {
      auto delivery = std::make_unique<Delivery>(std::make_unique<Journal>(path, std::move(lock)), true);
      if (delivery->header().uri != sdk::masked_url(settings_.uri)) {
        host_.warning(sdk::text_of(path) + " of an earlier run belongs to " + delivery->header().uri +
                      ", and this run reports to " + settings_.uri +
                      "; to send it, set MLFLOW_TRACKING_URI to the first and run trainer replay");
        continue;
      }
      if (const std::string& damage = delivery->journal().damage(); !damage.empty()) host_.warning(damage);
      sender_->add(std::move(delivery));
      any = true;
    } catch (const std::exception& problem) {
      host_.warning(sdk::text_of(path) + " could not be sent: " + problem.what());
    }
  }
  return any;
}

Tracker::Key& Tracker::key(std::string_view log_key) {
  lookup_.assign(log_key);
  const auto found = keys_.find(lookup_);
  if (found != keys_.end()) return found->second;
  Key& added = keys_[lookup_];
  added.name = sanitize(log_key);
  const std::string problem = name_problem(added.name);
  if (!problem.empty()) {
    host_.warning("the metric \"" + lookup_.substr(0, 300) + "\" is left out: its name " + problem);
    added.name.clear();
  }
  return added;
}

void Tracker::warn_value(Key& key, std::string_view log_key) {
  if (key.warned) return;
  key.warned = true;
  host_.warning("the value logged as \"" + std::string(log_key) +
                "\" is not a number and is left out; MLflow's metrics are only numbers");
}

/// Writes what items_ has as one record, and empties it.
void Tracker::append_items(Record::Kind kind) {
  if (items_.count() != 0) append({.kind = kind, .count = items_.count(), .items = items_.json()});
  items_.clear();
}

void Tracker::append(const Record& record) {
  line_.clear();
  record.write(line_);
  live_->append(line_);
  open_ = true;
  const std::string problem = live_->take_problem();
  if (!problem.empty())
    host_.warning(problem +
                  "; until then what is logged waits in memory, and is lost with the "
                  "program if the server does not take it before");
}

void Tracker::end(const char* status) {
  append({.kind = Record::Kind::end, .status = status, .time = std::max(milliseconds_now(), last_time_)});
  open_ = false;
  sender_->notify();
}

void Tracker::log_artifacts(const fs::path& directory, const std::string& name) {
  const fs::path kept = live_->files() / sdk::path_of(name);
  std::error_code ignored;
  fs::remove_all(kept, ignored);
  try {
    keep_files(directory, kept, id_ + "-");
  } catch (const fs::filesystem_error& error) {
    fs::remove_all(kept, ignored);
    return host_.warning(sdk::text_of(directory) +
                         " is left out of the run's artifacts: its files could not be kept in " + sdk::text_of(kept) +
                         " until they are sent: " + error.code().message() +
                         "; free some space there, or choose another output_dir");
  }
  append({.kind = Record::Kind::artifact,
          .directory = sdk::text_of(live_->files().filename()) + "/" + name,
          .name = name});
  sender_->notify();
}

void Tracker::report_rest() {
  const auto rest = sender_->unfinished();
  if (rest.empty()) return;
  const fs::path state = replayable(output_dir_);
  for (Delivery* delivery : rest) {
    const std::uint64_t lost = delivery->journal().waiting_in_memory();
    const std::string why = sender_->last_failure().empty() ? "the time was over" : sender_->last_failure();
    if (lost != 0)
      host_.warning(std::to_string(lost) + " logs were not sent to " + settings_.uri + " (" + why +
                    ") and could not be kept in a file either: they are lost");
    std::error_code error;
    const std::string path = sdk::text_of(delivery->journal().path());
    if (!fs::exists(delivery->journal().path(), error)) continue;
    try {
      delivery->journal().flush();
    } catch (const std::exception& problem) {
      host_.warning(std::string(problem.what()) + "; what it lacks is lost");
    }
    host_.warning("not everything was sent to " + settings_.uri + " (" + why + "); the rest is in " + path +
                  " and goes out at the start of the next run with this output_dir" +
                  (state.empty() ? std::string()
                                 : ", or by: trainer replay " + sdk::text_of(state) + " --report_to " + id_ +
                                       " --output_dir " + sdk::text_of(output_dir_)));
  }
}

}  // namespace trainer::plugins::mlflow
