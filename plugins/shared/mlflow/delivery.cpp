// SPDX-License-Identifier: Apache-2.0
//
// Sends a journal's records in MLflow's batches.
#include "shared/mlflow/delivery.hpp"

#include <algorithm>
#include <trainer/sdk/path.hpp>

#include "shared/system/clock.hpp"
#include "shared/system/open_directory.hpp"

namespace trainer::plugins::mlflow {

/// The records that go out together.
struct Delivery::Batch {
  std::deque<Journal::Item> records;
  Items metrics, params, tags;
  std::string other;  // an artifact or the end, which goes alone

  Items* items_of(Record::Kind kind) {
    switch (kind) {
      case Record::Kind::metrics:
        return &metrics;
      case Record::Kind::params:
        return &params;
      case Record::Kind::tags:
        return &tags;
      default:
        return nullptr;
    }
  }

  bool has_room(const Record& record, const Items& of_its_kind, std::size_t size) const {
    return metrics.count() + params.count() + tags.count() + record.count <= most_entities &&
           (&of_its_kind == &metrics || of_its_kind.count() + record.count <= most_params) &&
           metrics.json().size() + params.json().size() + tags.json().size() + size <= largest_request;
  }

  /// False when the record does not fit beside the others.
  bool add(const std::string& line) {
    const bool first = records.empty();
    Items* const items = items_of(Record::kind_of(line));
    const Record record = items != nullptr ? Record::read(line) : Record();
    if (record.count == 0) {
      if (first) other = line;
      return first;
    }
    if (!other.empty() || (!first && !has_room(record, *items, line.size()))) return false;
    items->add(record.items, record.count);
    return true;
  }
};

Delivery::Delivery(std::unique_ptr<Journal> journal, bool left_over)
    : journal_(std::move(journal)),
      header_(RunHeader::from_json(journal_->header())),
      left_over_(left_over),
      last_time_(last_timestamp(journal_->last_metrics())) {
  for (const std::string& mark : journal_->marks()) {
    Record record = Record::read(mark);
    if (record.kind != Record::Kind::run) {
      creating_ = true;
      continue;
    }
    run_.id = std::move(record.id);
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
        if (!creating_) journal_->mark(Record{.kind = Record::Kind::creating}.to_line());
        creating_ = true;
        run = api.create_run(experiment, header_.run_name, header_.user, header_.start_time, header_.tags);
      }
    }
  } catch (const ApiError& error) {
    if (error.is_refusal() || error.is_missing()) throw Stuck(error.what());
    throw;
  }
  journal_->mark(Record{.kind = Record::Kind::run, .id = run.id}.to_line());
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
  const auto each = [&](std::string_view items, const auto& send_item) {
    for (const std::string_view item : split_items(items)) {
      try {
        send_item(item);
      } catch (const ApiError& error) {
        if (!error.is_refusal()) throw;
        report.warning("the server refuses " + std::string(item.substr(0, 200)) +
                       ", which is left out: " + error.what());
      }
    }
  };
  each(batch.params.json(), [&](std::string_view param) { api.log_batch(run_.id, "", param, ""); });
  each(batch.tags.json(), [&](std::string_view tag) { api.log_batch(run_.id, "", "", tag); });
  // A thousand metrics one by one only when there is no other way: the halves first.
  const auto all = split_items(batch.metrics.json());
  const std::function<void(std::size_t, std::size_t)> halves = [&](std::size_t begin, std::size_t end) {
    if (begin == end) return;
    Items part;
    for (std::size_t i = begin; i < end; ++i) part.add(all[i], 1);
    if (end - begin == 1)
      return each(part.json(), [&](std::string_view metric) { api.log_batch(run_.id, metric, "", ""); });
    try {
      api.log_batch(run_.id, part.json(), "", "");
    } catch (const ApiError& error) {
      if (!error.is_refusal()) throw;
      const std::size_t middle = begin + (end - begin) / 2;
      halves(begin, middle);
      halves(middle, end);
    }
  };
  halves(0, all.size());
}

void Delivery::send_artifact(Api& api, const Reporter& report, const Record& artifact) {
  if (run_.artifact_uri.empty()) run_.artifact_uri = api.get_run(run_.id).artifact_uri;
  if (!Api::accepts_artifacts(run_.artifact_uri)) {
    if (!artifacts_told_)
      report.warning("artifacts are left out: the run keeps them at \"" + run_.artifact_uri +
                     "\", which needs a client of that store; start the server with "
                     "--serve-artifacts, or use python:mlflow");
    artifacts_told_ = true;
    return;
  }
  const auto place = OpenDirectory::open(journal_->path().parent_path());
  const auto kept = place ? place->child(sdk::text_of(journal_->files().filename())) : std::nullopt;
  const auto directory = kept ? kept->child(artifact.name) : std::nullopt;
  const std::vector<std::string> files = directory ? directory->files() : std::vector<std::string>();
  if (files.empty())
    return report.warning("the files of " + artifact.name + " are gone from " + sdk::text_of(journal_->files()) +
                          " before they were sent; they are left out of the run's artifacts");
  for (const std::string& file : files) {
    const std::string path = artifact.name + "/" + file;
    auto open = directory->open_file(file);
    if (!open) {
      report.warning(path + " could not be read any more and is left out of the run's artifacts");
      continue;
    }
    try {
      api.put_artifact(run_.artifact_uri, std::move(open), path);
    } catch (const ApiError& refused) {
      if (!refused.is_refusal()) throw;
      report.warning("the server refuses the artifact " + path + ": " + refused.what());
    }
  }
  kept->remove(artifact.name);
}

void Delivery::send(Api& api, const Reporter& report, Batch& batch) {
  if (!batch.other.empty()) {
    const Record record = Record::read(batch.other);
    if (record.kind == Record::Kind::end) end(api, record.status, record.time);
    if (record.kind == Record::Kind::artifact) send_artifact(api, report, record);
    return;
  }
  try {
    api.log_batch(run_.id, batch.metrics.json(), batch.params.json(), batch.tags.json());
  } catch (const ApiError& error) {
    if (!error.is_refusal()) throw;
    send_one_by_one(api, report, batch);
  }
  last_time_ = std::max(last_time_, last_timestamp(batch.metrics.json()));
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
