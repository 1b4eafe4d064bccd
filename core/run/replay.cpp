// SPDX-License-Identifier: Apache-2.0
#include "trainer/replay.hpp"

#include "base/directory_lock.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/callback_spec.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/host_context.hpp"
#include "trainer/log.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {
namespace {

enum class Kind { train, evaluation, summary };

Kind kind_of(const json::object& entry) {
  if (entry.contains("train_loss")) return Kind::summary;
  for (const auto& item : entry)
    if (std::string_view(item.key()).substr(0, 5) == "eval_") return Kind::evaluation;
  return Kind::train;
}

// The file has its keys sorted; a log has these first, in this order, and "epoch" last.
json::object in_log_order(const json::object& entry) {
  json::object out;
  auto take = [&](std::string_view key) {
    if (const auto* v = entry.if_contains(key)) out.emplace(key, *v);
  };
  for (const char* key : {"loss", "grad_norm", "learning_rate", "train_runtime", "train_samples_per_second",
                          "train_steps_per_second", "total_flos", "train_loss", "eval_loss"})
    take(key);
  for (const auto& item : entry)
    if (item.key() != "epoch" && item.key() != "step") take(item.key());
  take("epoch");
  return out;
}

// Notes which callback first asked to stop; the flag is then cleared, as the run is over anyway.
class StopRecorder : public EventRecorder {
 public:
  StopRecorder(const TrainerState& state, ReplayResult& result) : state_(state), result_(result) {}
  void begin(std::uint32_t, const TrainerState&, const TrainerControl&, const json::object*, std::uint32_t) override {}
  void called(const CallbackEntry& entry, const TrainerControl& before, const TrainerControl& after) override {
    if (!after.should_training_stop || before.should_training_stop) return;
    for (const auto& stop : result_.stops)
      if (stop.callback == entry.name) return;
    result_.stops.push_back({entry.name, state_.global_step, state_.epoch});
  }
  void end(const TrainerControl&) override {}
  void failed() override {}

 private:
  const TrainerState& state_;
  ReplayResult& result_;
};

// A tracker that failed took nothing from the others, but it is what the replay was for.
void require_all_served(const CallbackHandler& handler) {
  std::string failed;
  for (const auto& entry : handler.entries())
    if ((entry->on_error == OnError::disable || entry->on_error == OnError::restart) && entry->cost.errors > 0)
      failed += (failed.empty() ? "" : ", ") + entry->name;
  if (!failed.empty())
    throw_run(error_id::callback_failed, "not everything was replayed to " + failed +
                                             ", as the warning above says; replay it again once that is fixed");
}

}  // namespace

ReplayResult replay(const std::filesystem::path& trainer_state, const ReplayOptions& options) {
  const TrainerState finished = TrainerState::load_from_json(trainer_state);
  if (finished.log_history.empty())
    throw_usage(error_id::replay_nothing,
                trainer_state.string() + " has an empty log_history; there is nothing to replay");
  TrainingArguments args = options.args;
  args.finalize();
  require_writable_directory(args.output_dir, "output_dir");
  if (const std::string who = DirectoryLock::holder(args.output_dir); !who.empty())
    throw_run(error_id::directory_in_use, "output_dir " + args.output_dir + " is in use by " + who +
                                              ", whose files a replay would move aside; name another output_dir");

  ReplayResult result;
  TrainerState state;
  state.max_steps = finished.max_steps;
  state.num_train_epochs = finished.num_train_epochs;
  state.train_batch_size = finished.train_batch_size;
  state.logging_steps = finished.logging_steps;
  state.eval_steps = finished.eval_steps;
  state.save_steps = finished.save_steps;
  TrainerControl control;
  PluginRegistry registry(plugin_directories(options.plugin_dirs));
  registry.leave_out(options.without);
  registry.isolate(options.isolate);
  crash_report::set_directory(args.output_dir);
  if (const auto crashed = crash_report::take(args.output_dir); !crashed.empty()) log::warning(crashed);
  HostContext context{.args = &args, .state = &state, .model_config_json = {}, .replay = true};
  StopRecorder recorder(state, result);
  CallbackHandler handler(args, state, control);
  std::vector<CallbackSpec> callbacks;
  for (const auto& callback : options.callbacks) callbacks.push_back(CallbackSpec::plugin(callback));
  add_callbacks(handler, args.report_to, {}, callbacks, registry, context);
  for (const auto& entry : handler.entries()) result.callbacks.push_back(entry->name);
  if (result.callbacks.empty())
    throw_usage(error_id::replay_nothing, "replay has no plugin to play to; name one with --report_to or --callback");
  handler.set_recorder(&recorder);

  // The run is over, so a request to stop is noted by the recorder and ends nothing.
  const auto play = [&](std::uint32_t event, json::object* values = nullptr) {
    handler.call_event(event, values);
    control.should_training_stop = 0;
  };
  play(TRAINER_ON_INIT_END);
  play(TRAINER_ON_TRAIN_BEGIN);
  for (const json::object& entry : finished.log_history) {
    const auto* step = entry.if_contains("step");
    const auto* epoch = entry.if_contains("epoch");
    if (!step || !step->is_int64())
      throw_usage(error_id::trainer_state_invalid,
                  trainer_state.string() + ": an entry of log_history has no integer \"step\"");
    const bool new_step = step->get_int64() != state.global_step;
    state.global_step = step->get_int64();
    if (epoch && epoch->is_number()) state.epoch = epoch->to_number<double>();
    const Kind kind = kind_of(entry);
    if (new_step && kind != Kind::summary) {
      play(TRAINER_ON_STEP_BEGIN);
      play(TRAINER_ON_STEP_END);
    }
    state.log_history.push_back(entry);
    json::object logs = in_log_order(entry);
    play(TRAINER_ON_LOG, &logs);
    ++result.logs;
    if (kind != Kind::evaluation) continue;
    play(TRAINER_ON_EVALUATE, &logs);
    const auto* metric = logs.if_contains(args.watched_metric());
    if (args.metric_for_best_model && metric && metric->is_number())
      state.update_best(metric->to_number<double>(), args);
  }
  play(TRAINER_ON_TRAIN_END);
  require_all_served(handler);
  return result;
}

}  // namespace trainer
