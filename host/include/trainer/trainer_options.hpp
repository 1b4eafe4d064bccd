// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <any>
#include <functional>
#include <optional>

#include "trainer/callback_spec.hpp"
#include "trainer/data_collator.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/metrics.hpp"
#include "trainer/model.hpp"

namespace trainer {

class EventRecorder;

/// One set without a name, or several by name.
class EvalDatasets {
 public:
  EvalDatasets() = default;
  EvalDatasets(std::shared_ptr<AnyDataset> one) {
    if (one) sets_.emplace_back("", std::move(one));
  }
  template <typename D>
  EvalDatasets(std::shared_ptr<D> one) : EvalDatasets(std::shared_ptr<AnyDataset>(std::move(one))) {}
  /// An Error for a name that is empty or there already: its metrics would be another's.
  void add(std::string name, std::shared_ptr<AnyDataset> set);
  bool empty() const { return sets_.empty(); }
  bool named() const { return !sets_.empty() && !sets_[0].first.empty(); }
  auto begin() const { return sets_.begin(); }
  auto end() const { return sets_.end(); }

 private:
  std::vector<std::pair<std::string, std::shared_ptr<AnyDataset>>> sets_;
};

/// Loss of a micro-batch (a scalar, with its graph) from what the model gives for it without its labels. Labels are
/// undefined where the batch has none. `num_items_in_batch` are the labels other than -100 in all micro-batches of the
/// step, a float32 scalar: a sum over the micro-batch divided by it is the mean over the step.
using ComputeLossFunction = std::function<at::Tensor(const ModelOutput& outputs, const at::Tensor& labels,
                                                     const at::Tensor& num_items_in_batch)>;

/// Makes of a batch's logits what compute_metrics gets as its predictions, such as argmax(-1), which needs less memory.
using PreprocessLogits = std::function<at::Tensor(const at::Tensor& logits, const at::Tensor& labels)>;

/// Makes a model, the same for the same seed of the default generator.
using ModelInit = std::function<std::shared_ptr<Model>()>;

/// Optimizer and schedule of the program's own; what is left out follows from the arguments. Not with model_init, whose
/// parameters are others each time: override create_optimizer() there.
struct Optimizers {
  std::shared_ptr<Optimizer> optimizer = nullptr;       ///< one of torch::optim by adapt_optimizer()
  std::shared_ptr<LRScheduler> lr_scheduler = nullptr;  ///< of this optimizer
  LRLambda lr_lambda = nullptr;                         ///< instead: make_lambda_scheduler of either optimizer
};

/// Everything a Trainer is made of; only the model is needed to evaluate or predict. Each member has an initializer, so
/// that compilers do not warn of those that a program leaves out.
struct TrainerOptions {
  std::shared_ptr<Model> model = {};
  TrainingArguments args = {};
  /// Makes batches of the rows of all datasets; without it datasets make their batches themselves.
  DataCollator data_collator = {};
  /// An IterableDataset needs args.max_steps.
  std::shared_ptr<AnyDataset> train_dataset = {};
  EvalDatasets eval_dataset = {};
  /// Instead of `model`: called after args.seed was set, by the constructor and again by each train(), which then has a
  /// new optimizer, too.
  ModelInit model_init = {};
  ComputeLossFunction compute_loss_func = {};
  ComputeMetrics compute_metrics = {};
  std::vector<CallbackSpec> callbacks = {};
  /// A tokenizer or whatever else belongs to the data: nothing looks at it but callbacks, which get it.
  std::any processing_class = {};
  Optimizers optimizers = {};
  PreprocessLogits preprocess_logits_for_metrics = {};
  /// Looked through before the other plugin directories, for report_to and plugin callbacks.
  std::vector<std::filesystem::path> plugin_dirs = {};
  std::vector<std::string> without = {};  ///< plugins and trackers to leave out, by id or report_to name
  std::vector<std::string> isolate = {};  ///< the same of those that get a process of their own
  TrackersSettings trackers = {};         ///< how trackers of args.report_to run, by their names there
  EventRecorder* recorder = nullptr;      ///< not owned
  bool quiet = false;                     ///< no bars, and no log lines on stdout
  /// A thread writes the checkpoints, and training waits only until their contents are copied to
  /// memory. on_save then comes at the end of the first step after the checkpoint is whole.
  bool async_save = false;
  /// Keeps this many entries of state.log_history, the newest; all without it. At least 1.
  std::optional<std::int64_t> log_history_limit = {};
  /// train() ends with an Error before the update of a loss that is NaN or infinite, as Lightning's flag of this name
  /// did; without it there is one warning. On a GPU each step then waits for its loss.
  bool terminate_on_nan = false;
};

}  // namespace trainer
