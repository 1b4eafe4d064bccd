// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer keeps, and the steps of its work that nobody overrides.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <span>

#include "base/directory_lock.hpp"
#include "checkpoints/checkpoint_saver.hpp"
#include "model/tensor_views.hpp"
#include "ranks/agreement.hpp"
#include "ranks/gradient_average.hpp"
#include "ranks/process_group.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/host_context.hpp"
#include "trainer/optimizer_groups.hpp"
#include "trainer/plugin_registry.hpp"
#include "trainer/precision.hpp"
#include "trainer/trainer.hpp"
#include "trainer/training_plan.hpp"
#include "trainer/training_run.hpp"

namespace trainer {

class CompiledTraining;
class EvaluationResult;

/// What a function that a program may override gave; an Error when it is null.
template <typename Pointer>
Pointer made(Pointer given, const char* function) {
  if (!given)
    throw_usage(error_id::arguments_invalid,
                std::string("the Trainer's ") + function + " gave null; return what the Trainer is to work with");
  return given;
}

struct Trainer::Impl {
  Impl(Trainer& trainer, TrainerOptions& options);

  // trainer_loop.cpp
  TrainOutput train_from(const std::optional<std::filesystem::path>& resume_from_checkpoint);
  TrainOutput inner_training_loop(const std::optional<std::filesystem::path>& checkpoint);
  void run_epoch(std::int64_t epoch, const TrainingPlan& plan, const ResumePoint& resume);
  void load_order(const std::filesystem::path& checkpoint, std::int64_t epoch);
  void run_micro_batch(Batch inputs, const at::Tensor& num_items, bool ends_window);
  void tell_of_bad_loss(bool wait);
  void update_parameters();
  void maybe_log_save_evaluate();
  TrainOutput finalize_training(const TrainingPlan& plan);
  void zero_grad();
  void fire(std::uint32_t event, json::object* values = nullptr);

  // trainer_setup.cpp
  void begin(TrainerOptions& options);
  void take_optimizers();
  void set_model(std::shared_ptr<Model> new_model);
  ResumePoint init_training_state(const TrainingPlan& plan, const std::optional<std::filesystem::path>& checkpoint);
  void resume_data(const TrainingPlan& plan, ResumePoint& resume) const;
  void prepare_for_training(const TrainingPlan& plan, const ResumePoint& resume);
  DataLoaderOptions loader_options(std::int64_t batch_size) const;

  // trainer_ranks.cpp
  void tell_ranks();
  bool writes_files() const;
  bool logs() const;
  void share_weights();
  void prepare_ranks();
  void before_micro_batch(bool ends_window);
  void backward(const at::Tensor& loss);
  void after_micro_batch();
  double mean_over_ranks(double loss);
  std::int64_t sum_over_ranks(std::int64_t number);
  Number sum_over_ranks(const Number& number);
  DataShard shard() const;
  std::int64_t add_batch(EvaluationResult& result, std::int64_t rows, Prediction p, const DataLoader& loader);
  std::filesystem::path agreed_checkpoint(const std::filesystem::path& named);

  // trainer_outcome.cpp
  TrainingOutcome how_it_ended() const;
  void end_training(const Error* error);

  // trainer_agreement.cpp
  void begin_agreement();
  AgreementPace pace_of_agreement();
  void agree();
  void agree_after_substep();
  void agree_after_step();
  void agree_on_rates();
  void take_rates();
  void obey_stop_request();

  // trainer_start_check.cpp
  void require_same_start();
  void require_same_data(const std::string& name, const AnyDataset& dataset);
  void require_same_plugins();
  void require_same_checkpoint(const std::filesystem::path& checkpoint);

  // trainer_callbacks.cpp
  void add_initial_callbacks(const TrainerOptions& options);

  // trainer_step.cpp
  at::Tensor num_items_in_batch(std::span<const Batch> batches);
  at::Tensor loss_of(const ModelOutput& out, const at::Tensor& labels, const at::Tensor& num_items);
  void empty_device_cache();
  void track_input_tokens(const Batch& inputs);

  // trainer_compiled.cpp
  void check_compiled() const;
  void prepare_compiled();
  void refuse_gradient_readers();
  bool hold_for_update(Batch& inputs, const at::Tensor& num_items);
  void update_in_one_call();
  at::Tensor compiled_gradients(const Batch& inputs, const at::Tensor& num_items);

  // trainer_evaluation.cpp
  std::shared_ptr<DataLoader> eval_dataloader(const std::shared_ptr<AnyDataset>& dataset);
  at::Tensor preprocessed(const Prediction& p) const;
  void prepare_for_evaluation();
  void warn_of_evaluation(const EvaluationResult& result, const std::string& prefix);
  void warn_of_no_batch(const DataLoader& loader, const std::string& prefix);
  json::object evaluate_in_training(bool step_scheduler);
  bool determine_best_metric(const json::object& metrics);
  const json::value& watched_metric(const json::object& metrics) const;

  // trainer_objects.cpp
  std::uint32_t present_objects() const;
  std::string describe_objects() const;

  // trainer_checkpoint.cpp
  void save_checkpoint();
  void save_plugin_files(const std::filesystem::path& checkpoint);
  void announce_checkpoint(const std::filesystem::path& checkpoint);
  CheckpointContents checkpoint_contents();
  bool is_own(const std::filesystem::path& checkpoint);
  std::string args_file_text() const;
  std::filesystem::path load_checkpoint(const std::filesystem::path& named);
  RunIdentity resume_identity(const std::filesystem::path& checkpoint) const;
  void load_model_files(const std::filesystem::path& checkpoint);
  void tell_foreign_checkpoints() const;
  void forget_lost_best();
  void resume_batch_size(const std::filesystem::path& checkpoint);
  void load_best_model();
  void load_optimizer_and_scheduler(const std::filesystem::path& checkpoint);
  void store_flos();

  Trainer& self;
  TrainingArguments args;
  at::Device device;
  std::shared_ptr<ProcessGroup> group;
  std::shared_ptr<Model> model;
  ModelInit model_init;
  DataCollator data_collator;
  std::shared_ptr<AnyDataset> train_dataset;
  json::object data_description;  // of the train dataset, or of the one that a loaded model learned from
  EvalDatasets eval_dataset;
  ComputeLossFunction compute_loss_func;
  ComputeMetrics compute_metrics;
  Optimizers given;
  PreprocessLogits preprocess_logits_for_metrics;
  std::optional<std::int64_t> log_history_limit;
  bool terminate_on_nan;
  TrainerState state;
  TrainerControl control;
  std::unique_ptr<TensorViews> tensors;
  std::unique_ptr<OptimizerGroups> plugin_groups;
  CheckpointPlaces checkpoints;
  std::unique_ptr<HostContext> context;
  std::unique_ptr<PluginRegistry> plugins;

  std::vector<at::Tensor> parameters;
  std::vector<at::Tensor> gradients;  // kept to spare an allocation a step
  std::int64_t train_batch_size;      // smaller than the argument when that did not fit into memory
  std::unique_ptr<DataLoader> train_dataloader;
  std::shared_ptr<Optimizer> optimizer;
  std::shared_ptr<LRScheduler> lr_scheduler;
  std::unique_ptr<GradScaler> scaler;          // null without fp16
  std::unique_ptr<CompiledTraining> compiled;  // of the last train(); null when its model is interpreted
  Batch held_batch;                            // whose loss, gradients and update one call is to make
  struct {
    std::unique_ptr<GradientAverage> average;   // of the last train(); null for a process alone
    bool under_way = false, seen_loss = false;  // in a micro-batch after which gradients are averaged
    bool buffers_due = true;                    // rank 0's, as the forward pass before was in such a one
  } averaging;
  std::unique_ptr<RunIdentity> run_identity;  // of the last train()
  std::unique_ptr<CheckpointSaver> saver;
  at::Tensor rng_state_at_epoch;     // the default generator's on the CPU when the epoch of train() began
  std::unique_ptr<TrainingRun> run;  // of the last train(); null before
  Number current_flos = 0;           // since the last store_flos(), also of a try that did not fit into memory
  bool is_in_train = false;
  bool in_order = false;  // while a loader of predict() is made, whose predictions stand as the rows do
  std::atomic<bool> stop_requested{false};
  bool counted = false;               // the state is that of the last train(), whose steps are known
  TrainingOutcome outcome;            // of the last train() that came to its end
  std::vector<PluginResult> results;  // asked for at the end of the last train()
  FlagChanges flag_changes;           // since the ranks last agreed
  struct {
    bool stop = false;              // any rank's stop_requested
    bool on_rates = false;          // a plugin of some rank may set a rate just before an update
    AgreementPace pace = 0;         // until the next
    AgreementPace for_signals = 1;  // as long as steps take what they took
    std::int64_t step = 0;          // of the last one, and when it was
    std::chrono::steady_clock::time_point time;
  } agreement;
  bool warned_of_tokens = false, warned_of_labels = false, warned_of_eval_loss = false;
  struct {
    bool done = false;                        // the model went through train() or an evaluation
    std::optional<double> seconds;            // of an evaluation that was the first; each later one reports it
    std::optional<at::ScalarType> full_type;  // set by fp16_full_eval, bf16_full_eval
    std::map<std::shared_ptr<AnyDataset>, std::shared_ptr<DataLoader>> persistent_loaders;
  } preparation;                             // what evaluations keep from one to the next
  std::shared_ptr<DirectoryLock> lock;       // of output_dir, from train() on
  std::unique_ptr<CallbackHandler> handler;  // last, so that callbacks end before what they may still look at
};

}  // namespace trainer
