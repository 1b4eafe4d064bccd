// SPDX-License-Identifier: Apache-2.0
#include "run/trace_recorder.hpp"

#include "base/file_access.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"
#include "trainer/files.hpp"

namespace trainer {

TraceRecorder::TraceRecorder(std::filesystem::path directory) : directory_(std::move(directory)) {
  require_writable_directory(directory_, "--record");
  const auto path = directory_ / "trace.jsonl";
  file_ = create_file(path);
  if (!file_) throw_usage(error_id::file_write_failed, path.string() + " could not be opened for writing");
}

TraceRecorder::~TraceRecorder() { (void)std::fclose(file_); }  // finish() has told what is lost

void TraceRecorder::begin(std::uint32_t kind, const TrainerState& state, const TrainerControl& control,
                          const json::object* values, std::uint32_t has) {
  json::object line{{"event", event_name(kind)},      {"global_step", state.global_step},
                    {"epoch", state.epoch.to_json()}, {"max_steps", state.max_steps},
                    {"control", control.flags()},     {"control_after", nullptr}};
  if (values) line.emplace(kind == TRAINER_ON_LOG ? "logs" : "metrics", *values);
  line.emplace("has", json::object{{"optimizer", (has & TRAINER_EVENT_HAS_OPTIMIZER) != 0},
                                   {"lr_scheduler", (has & TRAINER_EVENT_HAS_LR_SCHEDULER) != 0},
                                   {"train_dataloader", (has & TRAINER_EVENT_HAS_TRAIN_DATALOADER) != 0},
                                   {"eval_dataloader", (has & TRAINER_EVENT_HAS_EVAL_DATALOADER) != 0}});
  line.emplace("action", action_);
  if (kind == TRAINER_ON_SAVE) {
    const std::string name = checkpoint_name(state.global_step);
    const auto source = output_dir_ / name / state_file;
    if (std::filesystem::exists(source))
      ResultFile(directory_ / (name + "." + state_file), "--record").write(read_file(source));
  }
  pending_.push_back(std::move(line));
  changes_.emplace_back();
}

static json::object changed_flags(const TrainerControl& before, const TrainerControl& after) {
  json::object changed;
  for (const auto& [name, field] : control_flags)
    if (before.*field != after.*field) changed.emplace(name, after.*field != 0);
  return changed;
}

void TraceRecorder::called(const CallbackEntry& entry, const TrainerControl& before, const TrainerControl& after) {
  if (auto changed = changed_flags(before, after); !changed.empty())
    changes_.back().push_back(json::object{{"callback", entry.name}, {"flags", std::move(changed)}});
}

static json::object with_rate(const std::string& by, const RateChange& rate) {
  return {{"callback", by}, {"group", static_cast<std::int64_t>(rate.group)}, {"lr", rate.lr}};
}

void TraceRecorder::rate_set(const CallbackEntry& entry, const RateChange& rate) {
  changes_.back().push_back(with_rate(entry.name, rate));
}

void TraceRecorder::between_events(std::string_view what, const TrainerState& state, const TrainerControl& before,
                                   const TrainerControl& after, const std::string& by,
                                   const std::optional<RateChange>& rate) {
  pending_.push_back({{"event", what},
                      {"global_step", state.global_step},
                      {"epoch", state.epoch.to_json()},
                      {"control", before.flags()},
                      {"control_after", after.flags()},
                      {"action", action_}});
  changes_.push_back(json::array{rate ? with_rate(by, *rate)
                                      : json::object{{"callback", by}, {"flags", changed_flags(before, after)}}});
  write_last();
}

void TraceRecorder::end(const TrainerControl& control) {
  pending_.back()["control_after"] = control.flags();
  write_last();
}

// The control stays null: nobody answered for the event.
void TraceRecorder::failed() { write_last(); }

void TraceRecorder::write_last() {
  json::object& line = pending_.back();
  if (!changes_.back().empty()) line.emplace("changed_by", std::move(changes_.back()));
  std::fputs((json::dump(line, {.compact = true}) + "\n").c_str(), file_);
  pending_.pop_back();
  changes_.pop_back();
}

void TraceRecorder::finish() {
  if (std::fflush(file_) != 0 || std::ferror(file_))
    throw_run(error_id::file_write_failed,
              (directory_ / "trace.jsonl").string() + " could not be written; is the disk full?");
}

}  // namespace trainer
