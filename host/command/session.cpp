// SPDX-License-Identifier: Apache-2.0
#include "command/session.hpp"

#include <torch/utils.h>

#include <algorithm>
#include <utility>

#include "checkpoints/checkpoint_directory.hpp"
#include "command/allocator.hpp"
#include "command/compute_threads.hpp"
#include "command/run_collator.hpp"
#include "command/run_model.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/device.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"

namespace trainer::command {
namespace {

// transformers takes the greatest for the best unless the name ends in "loss"; of an error that is the worst model.
void set_direction(TrainingArguments& args, const std::vector<MetricSpec>& metrics) {
  if (!args.metric_for_best_model || args.greater_is_better) return;
  const std::string watched = "_" + args.watched_metric();
  const MetricSpec* found =
      nullptr;  // the longest name that it ends with: "eval_SET_mse", and "eval_rmse" is not "mse"
  for (const auto& metric : metrics)
    if (watched.ends_with("_" + metric.log_name()) && (!found || metric.log_name().size() > found->log_name().size()))
      found = &metric;
  if (found && lower_is_better(*found)) args.greater_is_better = false;
}

TrainingArguments parse_args(const json::object& args, const RunOptions& options, const RunFile& run) {
  const std::string where = run.path.string() + ": args";
  // Checked as a whole only when the command line has had its say.
  TrainingArguments out;
  out.update(args, where);
  for (const auto& [name, text] : options.arguments) out.set_from_text(name, text, "--" + name);
  set_direction(out, run.metrics);
  out.finalize(where);
  return out;
}

}  // namespace

Session::Session(const RunOptions& options, std::optional<std::vector<RunFile::Action>> actions)
    : options_(options),
      run_(RunFile::load(options.run_file, options.overrides)),
      below_output_dir_(!actions),
      actions_(actions ? std::move(*actions) : run_.actions),
      args_(run_.args),
      group_(process_ranks().alone() ? process_group({}) : group_of(args(), choose_device(args(), process_ranks()))),
      data_(run_) {
  keep_freed_memory();
  // First of all, so that a rank that fails from here on does not keep the others waiting.
  if (options.quiet || !is_rank_0()) log::set_level(log::Level::warning);
  start_compute_threads();
  require_same_run_file();
  go_on_after_restart();
  if (options.record.empty()) return;
  const auto record = is_rank_0() ? options.record : options.record / ("rank-" + std::to_string(group_->rank()));
  require_writable_directory(record, "--record");
  for (const char* file : {"trace.jsonl", "result.json", state_file}) ResultFile(record / file, "--record", inputs());
  recorder_.emplace(record);
}

std::vector<std::filesystem::path> Session::inputs() const {
  std::vector<std::filesystem::path> out{run_.path,
                                         run_.data.train,
                                         run_.data.test,
                                         run_.init_from,
                                         run_.model.file,
                                         options_.checkpoint,
                                         options_.resume_from_checkpoint.value_or("")};
  for (const auto& [name, path] : run_.data.eval) out.push_back(path);
  return out;
}

void Session::update_args(const json::object& args) {
  for (const auto& entry : args) args_.insert_or_assign(entry.key(), entry.value());
}

TrainingArguments Session::args() const { return parse_args(args_, options_, run_); }

json::object Session::resolved() const {
  json::object out = run_.json;
  json::object arguments = args().to_dict();
  arguments.erase("hub_token");  // it is masked
  arguments["output_dir"] = std::filesystem::absolute(args().output_dir).lexically_normal().string();
  for (json::value& name : arguments.at("report_to").as_array()) {
    const auto found = run_.trackers.find(std::string_view(name.as_string()));
    if (found != run_.trackers.end()) name = tracker_json(found->first, found->second);
  }
  out["args"] = std::move(arguments);
  return out;
}

std::filesystem::path Session::resume_path(const RunFile::Action& action,
                                           const std::filesystem::path& output_dir) const {
  const std::filesystem::path given = *action.resume_from_checkpoint;
  return given.empty() || !below_output_dir_ ? given : output_dir / given;
}

// Those of the model that the first action begins with, so that it gets the inputs that it learned from.
std::optional<CsvColumns> Session::kept_columns(const std::filesystem::path& output_dir) {
  if (!run_.data.has_csv()) return std::nullopt;
  std::filesystem::path model = options_.checkpoint;
  bool rank_0_chose = false;
  if (model.empty() && !actions_.empty() && actions_[0].resume_from_checkpoint) {
    auto& named = *actions_[0].resume_from_checkpoint;
    if (named.empty()) {  // from here on it has a name, so that columns and weights are of one checkpoint
      if (is_rank_0()) {
        if (std::filesystem::is_directory(output_dir)) {
          lock_ = DirectoryLock::take(output_dir);  // what is hidden there may be what another training writes
          remove_torn_checkpoints(output_dir);
        }
        const auto newest = newest_checkpoint(output_dir);
        named = (below_output_dir_ ? newest.filename() : newest).string();
      }
      named = group_->broadcast(named);
      rank_0_chose = !is_rank_0();
    }
    model = resume_path(actions_[0], output_dir);
  }
  if (model.empty()) {
    const bool of_model = run_.init_from.filename() == weights_file;
    return of_model ? CsvColumns::of_checkpoint(run_.init_from.parent_path()) : std::nullopt;
  }
  if (rank_0_chose && !std::filesystem::is_directory(model))
    throw_run(error_id::checkpoint_missing, rank_text(group_->ranks()) + " does not see " + model.string() +
                                                ", from which rank 0 resumes; put " +
                                                "output_dir on a shared file system, or set save_on_each_node");
  if (!std::filesystem::is_directory(model))
    throw_usage(error_id::checkpoint_missing,
                model.string() + " is not a directory, expected a checkpoint, or an output_dir with its " +
                    weights_file + "; name one" + last_good_hint(model));
  if (auto kept = CsvColumns::of_checkpoint(model)) return kept;
  log::warning(model.string() + " does not say which columns its model was trained with; those of a file are taken " +
               "in their order");
  CsvColumns by_order;
  by_order.classes = data_.numbered_classes();
  return by_order;
}

Trainer& Session::trainer() {
  if (trainer_) return *trainer_;
  TrainerOptions options;
  options.args = args();
  // The seed comes before the model, so that its first weights are those of the same run elsewhere.
  torch::manual_seed(static_cast<std::uint64_t>(options.args.seed));
  const bool trains =
      std::any_of(actions_.begin(), actions_.end(), [](const auto& action) { return action.what == "train"; });
  options.model = make_model(run_, options.args.label_smoothing_factor, trains);
  if (!std::exchange(loaded_, true)) {
    auto columns = kept_columns(options.args.output_dir);
    data_.load(actions_, *options.model, std::move(columns));
    require_same_test_data();
  }
  if (recorder_ && is_rank_0()) recorder_->set_output_dir(options.args.output_dir);
  if (!run_.init_from.empty() && options_.checkpoint.empty())
    load_weights(options.model->module(), run_.init_from, options.model->saved_names());
  options.train_dataset = data_.train();
  options.eval_dataset = data_.eval();
  options.data_collator = RunCollator(run_, options.model->columns()).collator();
  options.compute_metrics = make_run_metrics(run_, *options.model);
  for (const auto& callback : run_.callbacks) options.callbacks.push_back(CallbackSpec::plugin(callback));
  options.plugin_dirs = options_.plugin_dirs;
  options.without = options_.without;
  options.trackers = run_.trackers;
  options.isolate = options_.isolate;
  options.recorder = recorder();
  options.quiet = options_.quiet;
  options.async_save = run_.async_save;
  options.log_history_limit = run_.log_history_limit;
  since_trainer_ = Stopwatch();
  options.terminate_on_nan = run_.terminate_on_nan;
  trainer_ = std::make_unique<Trainer>(std::move(options));
  return *trainer_;
}

}  // namespace trainer::command
