// SPDX-License-Identifier: Apache-2.0
#include "command/session.hpp"

#include <ATen/ATen.h>
#include <torch/utils.h>

#include <algorithm>

#include "base/text.hpp"
#include "checkpoints/checkpoint_directory.hpp"
#include "command/compute_threads.hpp"
#include "command/run_collator.hpp"
#include "command/run_model.hpp"
#include "state/checkpoint_names.hpp"
#include "trainer/error.hpp"
#include "trainer/files.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors_dataset.hpp"

namespace trainer::command {
namespace {

TrainingArguments parse_args(const json::object& args, const RunOptions& options, const std::string& where) {
  // Checked as a whole only when the command line has had its say.
  TrainingArguments out;
  out.update(args, where);
  for (const auto& [name, text] : options.arguments) out.set_from_text(name, text, "--" + name);
  out.finalize(where);
  return out;
}

}  // namespace

Session::Session(const RunOptions& options, std::optional<std::vector<RunFile::Action>> actions)
    : options_(options),
      run_(RunFile::load(options.run_file, options.overrides)),
      below_output_dir_(!actions),
      actions_(actions ? std::move(*actions) : run_.actions),
      args_(run_.args) {
  if (options.quiet) log::set_level(log::Level::warning);
  start_compute_threads();
  if (options.record.empty()) return;
  require_writable_directory(options.record, "--record");
  for (const char* file : {"trace.jsonl", "result.json", state_file})
    ResultFile(options.record / file, "--record", inputs());
  recorder_.emplace(options.record);
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

void Session::refuse_missing(std::string_view what) const {
  throw_usage(error_id::data_missing, run_.path.string() + ": data has no \"" + std::string(what) +
                                          "\", which this action needs; name a CSV file, or columns as safetensors");
}

std::filesystem::path Session::resume_path(const RunFile::Action& action,
                                           const std::filesystem::path& output_dir) const {
  const std::filesystem::path given = *action.resume_from_checkpoint;
  return given.empty() || !below_output_dir_ ? given : output_dir / given;
}

std::shared_ptr<Dataset> Session::load(const std::filesystem::path& path, std::string_view what, const Model& model) {
  if (path.empty()) refuse_missing(what);
  if (RunFile::Data::is_columns(path)) return load_columns(path, model);
  const auto csv = load_csv(path, what);
  if (what == "train") columns_ = csv->schema();
  return csv;
}

// As remove_unused_columns of transformers: those that the model does not look at are not read.
std::shared_ptr<Dataset> Session::load_columns(const std::filesystem::path& path, const Model& model) const {
  const auto taken = model.columns();
  const RunCollator collator(run_, taken);
  const auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  auto wanted = taken;
  if (!wanted.empty() && !has(wanted, "labels")) wanted.emplace_back("labels");
  auto set = std::make_shared<SafetensorsDataset>(path, wanted);
  collator.check(*set, path);
  auto found = set->columns();
  auto left_out = set->left_out();
  std::vector<std::string> missing;
  for (const auto& name : taken)
    if (name != "labels" && !has(found, name) && !collator.makes(name)) missing.push_back(name);
  if (!missing.empty()) {
    found.insert(found.end(), left_out.begin(), left_out.end());
    throw_usage(error_id::data_invalid, path.string() + " lacks " + join(missing) + ": the model takes " + join(taken) +
                                            ", and the file has " + join(found) +
                                            "; name the columns so, or say in model.inputs which is which");
  }
  std::erase(left_out, run_.data.id);
  if (!left_out.empty())
    log::info(path.string() + ": the model does not take " + join(left_out) + ", so it is left out");
  return set;
}

std::shared_ptr<CsvDataset> Session::load_csv(const std::filesystem::path& path, std::string_view what) const {
  const bool numbers = run_.loss.of_numbers() || !run_.data.targets.empty();
  const auto& layers = run_.model.layers;
  CsvOptions options{.target = run_.data.target,
                     .targets = run_.data.targets,
                     .labels = numbers ? Labels::regression : Labels::classification,
                     .classes = run_.loss.binary() ? 2
                                : layers.empty()   ? 0
                                                   : layers.back(),
                     .ignore_index = run_.loss.ignore_index,
                     .features = layers.empty() ? 0 : layers.front(),
                     .drop = run_.data.drop,
                     .id = run_.data.id,
                     .missing_number = run_.data.missing_number.value_or(0),
                     .separator = run_.data.separator,
                     .decimal = run_.data.decimal,
                     .labels_optional = what == "test"};
  if (run_.data.missing_number) options.missing = CsvOptions::Missing::number;
  if (run_.data.missing_mean) options.missing = CsvOptions::Missing::mean;
  return std::make_shared<CsvDataset>(path, options, columns_);
}

// Those of the model that the first action begins with, so that it gets the inputs that it learned from.
std::optional<CsvColumns> Session::kept_columns(const std::filesystem::path& output_dir) {
  if (!run_.data.has_csv()) return std::nullopt;
  std::filesystem::path model = options_.checkpoint;
  if (model.empty() && !actions_.empty() && actions_[0].resume_from_checkpoint) {
    auto& named = *actions_[0].resume_from_checkpoint;
    if (named.empty()) {  // from here on it has a name, so that columns and weights are of one checkpoint
      if (std::filesystem::is_directory(output_dir)) {
        lock_ = DirectoryLock::take(output_dir);  // what is hidden there may be what another training writes
        remove_torn_checkpoints(output_dir);
      }
      const auto newest = newest_checkpoint(output_dir);
      named = (below_output_dir_ ? newest.filename() : newest).string();
    }
    model = resume_path(actions_[0], output_dir);
  }
  if (model.empty()) {
    const bool of_model = run_.init_from.filename() == weights_file;
    return of_model ? CsvColumns::of_checkpoint(run_.init_from.parent_path()) : std::nullopt;
  }
  if (!std::filesystem::is_directory(model))
    throw_usage(error_id::checkpoint_missing,
                model.string() + " is not a directory, expected a checkpoint, or an output_dir with its " +
                    weights_file + "; name one" + last_good_hint(model));
  if (auto kept = CsvColumns::of_checkpoint(model)) return kept;
  log::warning(model.string() + " does not say which columns its model was trained with; those of a file are taken " +
               "in their order");
  CsvColumns by_order;
  by_order.classes = numbered_classes();
  return by_order;
}

// The column that names the rows of a file, whose other columns are `data`.
RowIds Session::row_ids(const std::filesystem::path& path, const Dataset& data) const {
  RowIds out{.name = run_.data.id};
  std::vector<std::string> names;
  if (const auto* csv = dynamic_cast<const CsvDataset*>(&data)) {
    out.texts = csv->ids();
    if (!out.texts.empty()) return out;
  } else if (const auto* columns = dynamic_cast<const SafetensorsDataset*>(&data)) {
    names = columns->columns();
    names.insert(names.end(), columns->left_out().begin(), columns->left_out().end());
    if (std::find(names.begin(), names.end(), out.name) != names.end()) {
      const SafetensorsDataset ids(path, {out.name});
      out.values = ids.get_batch(at::arange(ids.size()))[out.name];
      return out;
    }
  }
  throw_usage(error_id::data_invalid, path.string() + " has no column \"" + out.name + "\", which data.id names" +
                                          (names.empty() ? "" : ", but " + join(names)) + "; name one that it has");
}

// Only the files that the actions need.
void Session::load_data(const std::filesystem::path& output_dir, const Model& model) {
  if (std::exchange(loaded_, true)) return;
  const auto needed = [&](std::string_view what) {
    return std::any_of(actions_.begin(), actions_.end(), [&](const auto& action) { return action.what == what; });
  };
  columns_ = kept_columns(output_dir);
  if (needed("train") && !run_.data.train.empty()) train_ = load(run_.data.train, "train", model);
  if (needed("train") || needed("evaluate"))
    for (const auto& [name, path] : run_.data.eval) {
      auto set = load(path, "eval", model);
      if (name.empty())
        eval_ = std::move(set);
      else
        eval_.add(name, std::move(set));
    }
  if (!needed("predict")) return;
  test_ = load(run_.data.test, "test", model);
  if (!run_.data.id.empty()) test_ids_ = row_ids(run_.data.test, *test_);
}

ClassNames Session::numbered_classes() const {
  if (run_.loss.binary() && run_.data.targets.empty()) return ClassNames::numbered(2);
  const auto& layers = run_.model.layers;
  return run_.loss.of_classes() && !layers.empty() ? ClassNames::numbered(layers.back()) : ClassNames();
}

ClassNames Session::classes() const { return columns_ ? columns_->classes : numbered_classes(); }

Trainer& Session::trainer() {
  if (trainer_) return *trainer_;
  TrainerOptions options;
  options.args = parse_args(args_, options_, run_.path.string() + ": args");
  // The seed comes before the model, so that its first weights are those of the same run elsewhere.
  torch::manual_seed(static_cast<std::uint64_t>(options.args.seed));
  options.model = make_model(run_, options.args.label_smoothing_factor);
  load_data(options.args.output_dir, *options.model);
  if (recorder_) recorder_->set_output_dir(options.args.output_dir);
  if (!run_.init_from.empty() && options_.checkpoint.empty())
    load_weights(options.model->module(), run_.init_from, options.model->saved_names());
  options.train_dataset = train_;
  options.eval_dataset = eval_;
  options.data_collator = RunCollator(run_, options.model->columns()).collator();
  options.compute_metrics = make_metrics(run_);
  for (const auto& callback : run_.callbacks) options.callbacks.push_back(CallbackSpec::plugin(callback));
  options.plugin_dirs = options_.plugin_dirs;
  options.without = options_.without;
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
