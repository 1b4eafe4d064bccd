// SPDX-License-Identifier: Apache-2.0
//
// Sends a journal's records in MLflow's batches.
#include "shared/mlflow/delivery.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>

#include "shared/mlflow/json_fields.hpp"
#include "shared/system/clock.hpp"

namespace trainer::plugins::mlflow {
namespace {

namespace json = boost::json;

std::string_view items_of(std::string_view line) {
  constexpr std::string_view start = "\"items\":[";
  const auto at = line.find(start);
  if (at == line.npos || line.size() < at + start.size() + 2) return {};
  return line.substr(at + start.size(), line.size() - at - start.size() - 2);  // without ]}
}

/// {"metrics":12,... gives 12 for "metrics", and 0 for another kind.
std::size_t count_of(std::string_view line, std::string_view kind) {
  std::size_t count = 0;
  if (line.substr(2, kind.size()) == kind && line.substr(2 + kind.size(), 2) == "\":")
    std::from_chars(line.data() + kind.size() + 4, line.data() + line.size(), count);
  return count;
}

void join(std::string& to, std::string_view items) {
  if (!to.empty() && !items.empty()) to += ',';
  to += items;
}

json::object object_of(const std::string& line, const char* key) {
  json::value value = json::parse(line);
  return value.is_object() && value.get_object().contains(key) && value.get_object()[key].is_object()
             ? value.get_object()[key].get_object()
             : json::object();
}

std::int64_t last_timestamp(std::string_view items) {
  constexpr std::string_view key = "\"timestamp\":";
  const auto at = items.rfind(key);
  std::int64_t time = 0;
  if (at != items.npos) std::from_chars(items.data() + at + key.size(), items.data() + items.size(), time);
  return time;
}

}  // namespace

std::string RunHeader::to_json() const {
  json::object run{{"uri", uri},
                   {"experiment_name", experiment_name},
                   {"experiment_id", experiment_id},
                   {"run_id", run_id},
                   {"run_name", run_name},
                   {"user", user},
                   {"keep_status", keep_status},
                   {"start_time", start_time}};
  json::array list;
  for (const auto& [key, value] : tags) list.push_back(json::array{key, value});
  run["tags"] = std::move(list);
  return json::serialize(json::object{{"journal", 1}, {"of", std::move(run)}});
}

RunHeader RunHeader::from_json(const std::string& line) {
  RunHeader header;
  try {
    const json::object run = object_of(line, "of");
    header.uri = text(run, "uri");
    header.experiment_name = text(run, "experiment_name");
    header.experiment_id = text(run, "experiment_id");
    header.run_id = text(run, "run_id");
    header.run_name = text(run, "run_name");
    header.user = text(run, "user");
    header.keep_status = run.at("keep_status").as_bool();
    header.start_time = integer(run, "start_time");
    for (const auto& pair : run.at("tags").as_array())
      header.tags.emplace_back(std::string(pair.at(0).as_string().c_str()),
                               std::string(pair.at(1).as_string().c_str()));
  } catch (const std::exception&) {
    throw std::runtime_error("its first line does not describe a run");
  }
  return header;
}

std::vector<std::string_view> split_items(std::string_view items) {
  std::vector<std::string_view> out;
  std::size_t begin = 0;
  int depth = 0;
  bool in_text = false;
  for (std::size_t at = 0; at < items.size(); ++at) {
    const char c = items[at];
    if (in_text) {
      if (c == '\\')
        ++at;
      else if (c == '"')
        in_text = false;
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' && depth++ == 0) {
      begin = at;
    } else if (c == '}' && --depth == 0) {
      out.push_back(items.substr(begin, at + 1 - begin));
    }
  }
  return out;
}

struct Delivery::Batch {
  std::deque<Journal::Item> records;
  std::string metrics, params, tags;
  std::size_t metric_count = 0, param_count = 0, tag_count = 0;
  std::string other;  // an artifact or the end, which goes alone
  std::size_t bytes() const { return metrics.size() + params.size() + tags.size(); }

  /// False when the record does not fit beside the others.
  bool add(const std::string& line) {
    const std::size_t m = count_of(line, "metrics"), p = count_of(line, "params"), t = count_of(line, "tags");
    const bool first = records.empty();
    if (m + p + t == 0) {
      if (first) other = line;
      return first;
    }
    if (!other.empty()) return false;
    if (!first &&
        (metric_count + param_count + tag_count + m + p + t > most_entities || param_count + p > most_params ||
         tag_count + t > most_params || bytes() + line.size() > largest_request))
      return false;
    join(m != 0 ? metrics : p != 0 ? params : tags, items_of(line));
    metric_count += m, param_count += p, tag_count += t;
    return true;
  }
};

Delivery::Delivery(std::unique_ptr<Journal> journal, bool left_over)
    : journal_(std::move(journal)),
      header_(RunHeader::from_json(journal_->header())),
      left_over_(left_over),
      last_time_(last_timestamp(journal_->last_metrics())) {
  for (const std::string& mark : journal_->marks()) {
    const json::object run = object_of(mark, "run");
    if (run.empty()) {
      creating_ = true;
      continue;
    }
    run_.id = text(run, "id");
    run_.artifact_uri = text(run, "artifact_uri");
  }
}

void Delivery::ensure_run(Api& api, const Reporter& report) {
  if (!run_.id.empty()) return;
  Run run;
  try {
    if (!header_.run_id.empty()) {
      run = api.get_run(header_.run_id);
      if (run.deleted)
        throw Stuck("the run " + header_.run_id + " at " + api.address() +
                    " is deleted; restore it (mlflow runs restore), or unset MLFLOW_RUN_ID");
      if (!header_.keep_status) api.update_run(run.id, "RUNNING", run.end_time, header_.run_name);
    } else {
      std::string experiment = header_.experiment_id;
      if (!header_.experiment_name.empty()) experiment = api.experiment(header_.experiment_name);
      // An earlier request may have made it, and its answer was lost.
      if (creating_) run = api.find_run(experiment, header_.run_name, header_.user, header_.start_time);
      if (run.id.empty()) {
        if (!creating_) journal_->mark("{\"creating\":true}");
        creating_ = true;
        run = api.create_run(experiment, header_.run_name, header_.user, header_.start_time, header_.tags);
      }
    }
  } catch (const ApiError& error) {
    if (error.is_refusal() || error.is_missing()) throw Stuck(error.what());
    throw;
  }
  std::string mark = "{\"run\":{\"id\":";
  append_json(mark, run.id);
  mark += ",\"artifact_uri\":";
  append_json(mark, run.artifact_uri);
  journal_->mark(mark + "}}");
  run_ = std::move(run);
  report.info("the run is " + (run_.name.empty() ? run_.id : run_.name + " (" + run_.id + ")") + " at " +
              api.address());
}

bool Delivery::collect(Batch& batch) {
  for (Journal::Item item; journal_->next(item);) {
    if (!batch.add(item.line)) {
      std::deque<Journal::Item> back;
      back.push_back(std::move(item));
      journal_->rewind(back);
      break;
    }
    batch.records.push_back(std::move(item));
    if (!batch.other.empty()) break;
  }
  return !batch.records.empty();
}

void Delivery::end(Api& api, std::string_view status, std::int64_t time) {
  if (!status.empty() && !header_.keep_status) api.update_run(run_.id, status, time);
  ended_ = true;
}

void Delivery::send_one_by_one(Api& api, const Reporter& report, Batch& batch) {
  const auto each = [&](const std::string& items, int kind) {
    for (const std::string_view item : split_items(items)) {
      const std::string_view none;
      try {
        api.log_batch(run_.id, kind == 0 ? item : none, kind == 1 ? item : none, kind == 2 ? item : none);
      } catch (const ApiError& error) {
        if (!error.is_refusal()) throw;
        report.warning("the server refuses " + std::string(item.substr(0, 200)) +
                       ", which is left out: " + error.what());
      }
    }
  };
  each(batch.params, 1);
  each(batch.tags, 2);
  // A thousand metrics one by one only when there is no other way: the halves first.
  const auto all = split_items(batch.metrics);
  const std::function<void(std::size_t, std::size_t)> halves = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    std::string part;
    for (std::size_t i = begin; i < end; ++i) join(part, all[i]);
    if (end - begin == 1) return each(part, 0);
    try {
      api.log_batch(run_.id, part, "", "");
    } catch (const ApiError& error) {
      if (!error.is_refusal()) throw;
      const std::size_t middle = begin + (end - begin) / 2;
      halves(begin, middle);
      halves(middle, end);
    }
  };
  halves(0, all.size());
}

void Delivery::send_artifact(Api& api, const Reporter& report, const std::string& line) {
  const json::object artifact = object_of(line, "artifact");
  const std::filesystem::path directory = journal_->path().parent_path() / text(artifact, "directory");
  const std::string name = text(artifact, "name");
  if (!Api::accepts_artifacts(run_.artifact_uri)) {
    if (!artifacts_told_)
      report.warning("artifacts are left out: the run keeps them at \"" + run_.artifact_uri +
                     "\", which needs a client of that store; start the server with "
                     "--serve-artifacts, or use python:mlflow");
    artifacts_told_ = true;
    return;
  }
  std::error_code error;
  std::vector<std::filesystem::path> files;
  for (std::filesystem::recursive_directory_iterator it(directory, error), last; !error && it != last;
       it.increment(error))
    if (it->is_regular_file(error)) files.push_back(it->path());
  if (error || files.empty()) {
    report.warning("the files of " + name + " are gone from " + directory.string() +
                   " before they were sent; they are left out of the run's artifacts");
    return;
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const std::string path = name + "/" + file.lexically_relative(directory).generic_string();
    try {
      api.put_artifact(run_.artifact_uri, file, path);
    } catch (const ApiError& refused) {
      if (!refused.is_refusal()) throw;
      report.warning("the server refuses the artifact " + path + ": " + refused.what());
    }
  }
  std::filesystem::remove_all(directory, error);  // links to the checkpoint's files
}

void Delivery::send(Api& api, const Reporter& report, Batch& batch) {
  if (batch.other.empty()) {
    try {
      api.log_batch(run_.id, batch.metrics, batch.params, batch.tags);
    } catch (const ApiError& error) {
      if (!error.is_refusal()) throw;
      send_one_by_one(api, report, batch);
    }
    last_time_ = std::max(last_time_, last_timestamp(batch.metrics));
  } else if (batch.other.compare(0, 7, "{\"end\":") == 0) {
    const json::object record = object_of(batch.other, "end");
    end(api, text(record, "status"), integer(record, "time"));
  } else if (batch.other.compare(0, 12, "{\"artifact\":") == 0) {
    send_artifact(api, report, batch.other);
  }
}

bool Delivery::deliver(Api& api, const Reporter& report, const std::function<bool()>& enough) {
  finished_ = false;
  ensure_run(api, report);
  for (;;) {
    Batch batch;
    if (!collect(batch)) break;
    try {
      if (enough()) throw http::Error("the time is over", http::Error::Kind::interrupted);
      send(api, report, batch);
    } catch (const ApiError& error) {
      journal_->rewind(batch.records);
      if (error.is_missing()) throw Stuck(error.what());
      throw;
    } catch (...) {
      journal_->rewind(batch.records);
      throw;
    }
    sent_ += batch.records.size();
    for (auto it = batch.records.rbegin(); it != batch.records.rend(); ++it)
      if (it->end != 0) {
        journal_->mark_sent(it->end);
        break;
      }
  }
  if (left_over_ && !ended_) end(api, "KILLED", last_time_ != 0 ? last_time_ : milliseconds_now());
  if (!ended_) return false;
  // What is logged after the end goes to the same run, whose status is settled.
  RunHeader more = header_;
  more.run_id = run_.id;
  more.keep_status = true;
  finished_ = journal_->remove_if_done(more.to_json());
  if (finished_) header_ = std::move(more), ended_ = false;
  return finished_;
}

}  // namespace trainer::plugins::mlflow
