// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "trainer/callback_handler.hpp"
#include "trainer/model.hpp"
#include "trainer/plugin_entry.hpp"
#include "trainer/run_file.hpp"

namespace trainer {

/// What compute_metrics gets: all rows of an evaluation, on the CPU.
struct EvalPrediction {
  at::Tensor predictions;  ///< [N, ...] logits
  at::Tensor label_ids;    ///< [N, ...]
};
/// Gives names and numbers; the prefix ("eval_") is added.
using ComputeMetrics = std::function<json::object(const EvalPrediction&)>;

/// {"accuracy": share of rows whose highest logit is at the label}.
json::object accuracy(const EvalPrediction& p);

/// One set without a name, or several by name.
class EvalDatasets {
 public:
  EvalDatasets() = default;
  EvalDatasets(std::shared_ptr<Dataset> one) {
    if (one) sets_.emplace_back("", std::move(one));
  }
  template <typename D>
  EvalDatasets(std::shared_ptr<D> one) : EvalDatasets(std::shared_ptr<Dataset>(std::move(one))) {}
  void add(std::string name, std::shared_ptr<Dataset> set) {
    sets_.emplace_back(std::move(name), std::move(set));
  }
  bool empty() const { return sets_.empty(); }
  bool named() const { return !sets_.empty() && !sets_[0].first.empty(); }
  auto begin() const { return sets_.begin(); }
  auto end() const { return sets_.end(); }

 private:
  std::vector<std::pair<std::string, std::shared_ptr<Dataset>>> sets_;
};

/// A callback for a Trainer's constructor: an instance, a class, or a plugin by its id.
class CallbackSpec {
 public:
  using Make =
      std::function<std::shared_ptr<CallbackEntry>(const PluginRegistry&, const HostContext&)>;

  template <typename T>
  CallbackSpec(std::shared_ptr<T> instance)
      : make_([entry = native_entry(std::move(instance))](auto&, auto&) { return entry; }) {}

  /// A class, made without arguments.
  template <typename T>
  static CallbackSpec of() {
    return CallbackSpec(std::make_shared<T>());
  }
  static CallbackSpec plugin(RunFile::Callback spec) {
    std::string id = spec.plugin;
    Make make = [spec = std::move(spec)](const PluginRegistry& registry,
                                         const HostContext& context) {
      return make_plugin_entry(registry.require(spec.plugin, spec.where), spec.config,
                               spec.on_error, context, spec.where + ".config");
    };
    CallbackSpec out(std::move(make));
    out.plugin_id_ = std::move(id);
    return out;
  }
  static CallbackSpec plugin(std::string id, json::object config = {}) {
    return plugin(RunFile::Callback{std::move(id), std::move(config), OnError::fail, "callbacks"});
  }

  std::shared_ptr<CallbackEntry> make(const PluginRegistry& registry,
                                      const HostContext& context) const {
    return make_(registry, context);
  }

  const std::string& plugin_id() const { return plugin_id_; }  ///< empty when it is not a plugin

 private:
  explicit CallbackSpec(Make make) : make_(std::move(make)) {}
  Make make_;
  std::string plugin_id_;
};

/// Everything a Trainer is made of; only the model is needed to evaluate or predict.
struct TrainerOptions {
  Model model;
  TrainingArguments args;
  std::shared_ptr<Dataset> train_dataset;
  EvalDatasets eval_dataset;
  ComputeMetrics compute_metrics;
  std::vector<CallbackSpec> callbacks;
  /// Looked through before the other plugin directories, for report_to and plugin callbacks.
  std::vector<std::filesystem::path> plugin_dirs;
  EventRecorder* recorder = nullptr;  ///< not owned
  bool quiet = false;                 ///< no bars, and no log lines on stdout
};

}  // namespace trainer
