// SPDX-License-Identifier: Apache-2.0
#include "command/session.hpp"

#include <torch/utils.h>

#include "command/built_in_model.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/safetensors.hpp"

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

Session::Session(const RunOptions& options)
    : options_(options), run_(RunFile::load(options.run_file, options.overrides)), args_(run_.args) {
  if (options.quiet) log::set_level(log::Level::warning);
  if (!options.record.empty()) recorder_.emplace(options.record);
}

void Session::update_args(const json::object& args) {
  for (const auto& entry : args) args_.insert_or_assign(entry.key(), entry.value());
}

void Session::refuse_missing(std::string_view what) const {
  throw_usage(error_id::data_missing, run_.path.string() + ": data has no \"" + std::string(what) +
                                          "\", which this action needs; name a CSV file");
}

std::shared_ptr<Dataset> Session::load(const std::filesystem::path& path, std::string_view what) const {
  if (path.empty()) refuse_missing(what);
  const bool regression = run_.loss == "mse";
  return load_csv(path, run_.data.target, regression ? Labels::regression : Labels::classification,
                  regression ? 0 : run_.model.layers.back(), run_.model.layers.front());
}

void Session::load_data() {
  if (std::exchange(loaded_, true)) return;
  if (!run_.data.train.empty()) train_ = load(run_.data.train, "train");
  for (const auto& [name, path] : run_.data.eval) eval_.add(name, load(path, "eval"));
  if (!run_.data.test.empty()) test_ = load(run_.data.test, "test");
}

std::shared_ptr<Dataset> Session::test_data() {
  load_data();
  if (!test_) refuse_missing("test");
  return test_;
}

Trainer& Session::trainer() {
  if (trainer_) return *trainer_;
  load_data();
  TrainerOptions options;
  options.args = parse_args(args_, options_, run_.path.string() + ": args");
  if (recorder_) recorder_->set_output_dir(options.args.output_dir);
  // The seed comes before the model, so that its first weights are those of the same run elsewhere.
  torch::manual_seed(static_cast<std::uint64_t>(options.args.seed));
  options.model = make_model(run_.model, run_.loss, run_.model_json);
  if (!run_.init_from.empty())
    load_weights(*options.model.module, map_safetensors(run_.init_from), run_.init_from.string());
  options.train_dataset = train_;
  options.eval_dataset = eval_;
  if (!run_.metrics.empty()) options.compute_metrics = accuracy;
  for (const auto& callback : run_.callbacks) options.callbacks.push_back(CallbackSpec::plugin(callback));
  options.plugin_dirs = options_.plugin_dirs;
  options.without = options_.without;
  options.recorder = recorder();
  options.quiet = options_.quiet;
  options.async_save = run_.async_save;
  options.log_history_limit = run_.log_history_limit;
  since_trainer_ = Stopwatch();
  trainer_ = std::make_unique<Trainer>(std::move(options));
  return *trainer_;
}

}  // namespace trainer::command
