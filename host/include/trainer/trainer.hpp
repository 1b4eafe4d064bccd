// SPDX-License-Identifier: Apache-2.0
//
// The Trainer: training, evaluation and prediction with callbacks, and the parts that a class may replace.
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <optional>

#include "trainer/csv_dataset.hpp"
#include "trainer/data_loader.hpp"
#include "trainer/error.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/model.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/trainer_options.hpp"

namespace trainer {

class CallbackHandler;
class CheckpointSaver;
class DirectoryLock;
class EvaluationResult;
class GradScaler;
class TensorViews;
class TrainingRun;
struct CheckpointContents;
struct ResumePoint;
struct RunIdentity;
struct TrainingPlan;

struct TrainOutput {
  std::int64_t global_step;
  double training_loss;  ///< mean over the optimizer steps of this call
  json::object metrics;  ///< the final log, as the callbacks left it
};

struct PredictionOutput {
  at::Tensor predictions;  ///< [N, ...]; undefined when there was no batch
  at::Tensor label_ids;    ///< [N, ...]; undefined without labels
  json::object metrics;
};

/// transformers' Trainer: the training loop with callbacks, checkpoints and resume. Members that
/// are virtual are the parts that a program may replace in a class of its own, as in Python.
/// Whatever leaves it is a trainer::Error that names the phase ("train", "evaluate" ...) and the step; cause() is what
/// a dataset, a model or LibTorch threw. One thread; several Trainers may follow one another in a process.
class Trainer {
 public:
  explicit Trainer(TrainerOptions options);
  virtual ~Trainer();
  Trainer(const Trainer&) = delete;

  /// Trains. `resume_from_checkpoint`: a checkpoint directory, or an empty path for the newest one
  /// in args.output_dir. From then on until this Trainer is gone, no other process may train into that
  /// directory; an Error when another one does already.
  TrainOutput train(const std::optional<std::filesystem::path>& resume_from_checkpoint = {});
  /// Makes train() end after the step it is in (and its evaluation): it saves, and fires the events
  /// that an early stop fires. From any thread or signal handler.
  void request_stop() noexcept { stop_requested_.store(true, std::memory_order_relaxed); }

  /// Evaluates the eval dataset, or each of them by name ("eval_<name>_loss" ...).
  json::object evaluate();
  json::object evaluate(const std::shared_ptr<Dataset>& dataset, const std::string& prefix = "eval");
  PredictionOutput predict(const std::shared_ptr<Dataset>& dataset, const std::string& prefix = "test");
  /// Writes the model's weights to DIR/model.safetensors, and beside it training_args.json and checkpoint.json, by
  /// which load_model() sees that they are still the same.
  void save_model(const std::filesystem::path& directory) const;
  /// Writes the state to trainer_state.json in args.output_dir.
  void save_state() const;
  /// Loads weights from a checkpoint directory, as resuming does, without its optimizer and state.
  void load_model(const std::filesystem::path& checkpoint);
  /// Takes a checkpoint's state over, its step above all, so that what evaluate() logs stands where the model was
  /// saved. Nothing when the directory has none.
  void load_state(const std::filesystem::path& checkpoint);

  template <typename T>
  void add_callback(std::shared_ptr<T> callback) {
    add_entry(native_entry(std::move(callback)));
  }
  template <typename T>
  void add_callback() {
    add_callback(std::make_shared<T>());
  }
  /// The first callback that is a T (or derived from it), taken out; null when there is none.
  template <typename T>
  std::shared_ptr<T> pop_callback() {
    return std::dynamic_pointer_cast<T>(
        pop_native([](const TrainerCallback& callback) { return dynamic_cast<const T*>(&callback) != nullptr; }));
  }
  /// This one; null when it is not there.
  std::shared_ptr<TrainerCallback> pop_callback(const TrainerCallback& callback);
  /// By a plugin's id or a class, its entry, which must not outlive this; null when there is none.
  std::shared_ptr<CallbackEntry> pop_callback(std::string_view name);
  template <typename T>
  void remove_callback() {
    pop_callback<T>();
  }
  /// An Error when it is not there.
  void remove_callback(const TrainerCallback& callback);

  const TrainingArguments& args() const { return args_; }
  const TrainerState& state() const { return state_; }
  TrainerControl& control() { return control_; }
  const CallbackHandler& callback_handler() const { return *handler_; }  ///< trainer/callback_handler.hpp
  Model& model() { return model_; }
  const Model& model() const { return model_; }
  Optimizer* optimizer() { return optimizer_.get(); }          ///< null before train()
  LRScheduler* lr_scheduler() { return lr_scheduler_.get(); }  ///< null before train()
  /// Steps that the last train() made; a resumed one did not make those before.
  std::int64_t train_steps() const;
  /// Seconds of the last train(), evaluations and saves included.
  double train_seconds() const;
  /// Those of them in which it waited for a batch.
  double data_seconds() const;

  // ---- parts to override ----
  /// Mean loss of a batch (scalar, with its graph); also the outputs when `outputs` is not null.
  virtual at::Tensor compute_loss(const Batch& inputs, ModelOutput* outputs = nullptr);
  /// Forward and backward of one micro-batch; the loss to log, without graph.
  virtual at::Tensor training_step(Batch inputs);
  /// Loss (undefined without labels), logits and labels of one batch, without gradients.
  struct Prediction {
    at::Tensor loss, logits, labels;
  };
  virtual Prediction prediction_step(Batch inputs, bool prediction_loss_only);
  virtual std::unique_ptr<Optimizer> create_optimizer();
  virtual std::unique_ptr<LRScheduler> create_scheduler(Optimizer& optimizer, std::int64_t num_training_steps);
  virtual std::unique_ptr<DataLoader> get_train_dataloader();
  virtual std::unique_ptr<DataLoader> get_eval_dataloader(const std::shared_ptr<Dataset>& dataset);
  virtual std::unique_ptr<DataLoader> get_test_dataloader(const std::shared_ptr<Dataset>& dataset);
  /// Adds what every log carries, keeps it in state.log_history, and fires on_log.
  virtual void log(json::object& logs, std::optional<double> seconds_since_start = {});
  /// Floating-point operations of a micro-batch; 0 when there is no estimate.
  virtual double floating_point_ops(const Batch&) { return 0; }

 protected:
  // ---- what they are made of, for those who override them ----
  const at::Device& device() const { return device_; }
  const std::shared_ptr<Dataset>& train_dataset() const { return train_dataset_; }
  const EvalDatasets& eval_dataset() const { return eval_datasets_; }
  bool is_in_train() const { return is_in_train_; }
  /// Micro-batches of the step that goes on; the last step of an epoch may have fewer than the others.
  std::int64_t current_gradient_accumulation_steps() const;
  /// The batch on the model's device.
  Batch prepare_inputs(Batch batch) const;
  /// The model's output, computed in bf16 or fp16 where the arguments say so.
  ModelOutput forward(const Batch& inputs);
  /// The gradients of a loss, with fp16 of the scaled one.
  void backward(const at::Tensor& loss);
  /// Predictions and metrics of a loader's batches.
  PredictionOutput evaluation_loop(DataLoader& loader, bool prediction_loss_only, const std::string& prefix);
  /// What a plugin gets that asks for the model: this one, or within an on_save that async_save
  /// fires late the one that was saved.
  void save_model_for_plugin(const std::filesystem::path& directory) const;
  /// fp16's loss scaling; null where there is none.
  virtual std::unique_ptr<GradScaler> create_scaler();

 private:
  // trainer.cpp: the loop
  TrainOutput train_from(const std::optional<std::filesystem::path>& resume_from_checkpoint);
  TrainOutput inner_training_loop(const std::optional<std::filesystem::path>& checkpoint);
  void run_epoch(std::int64_t epoch, const TrainingPlan& plan, const ResumePoint& resume);
  void run_micro_batch(Batch inputs);
  void tell_of_bad_loss(bool wait);
  void update_parameters();
  void maybe_log_save_evaluate();
  TrainOutput finalize_training(const TrainingPlan& plan);
  void obey_stop_request();
  void zero_grad();
  void fire(std::uint32_t event, json::object* values = nullptr);

  // trainer_setup.cpp
  void add_initial_callbacks(const TrainerOptions& options, const PluginRegistry& registry);
  void add_entry(std::shared_ptr<CallbackEntry> entry);
  std::shared_ptr<TrainerCallback> pop_native(const std::function<bool(const TrainerCallback&)>& is_it);
  ResumePoint init_training_state(const TrainingPlan& plan, const std::optional<std::filesystem::path>& checkpoint);
  void prepare_for_training(const TrainingPlan& plan, const ResumePoint& resume);
  DataLoader::Options loader_options(std::int64_t batch_size) const;

  // trainer_step.cpp
  void empty_device_cache();
  void track_input_tokens(const Batch& inputs);

  // trainer_evaluation.cpp
  std::shared_ptr<DataLoader> eval_dataloader(const std::shared_ptr<Dataset>& dataset);
  void prepare_for_evaluation(const DataLoader& loader);
  void warn_of_evaluation(const DataLoader& loader, const EvaluationResult& result, const std::string& prefix);
  json::object evaluate_in_training(bool step_scheduler);
  bool determine_best_metric(const json::object& metrics);
  const json::value& watched_metric(const json::object& metrics) const;

  // trainer_objects.cpp
  std::uint32_t present_objects() const;
  std::string describe_objects() const;

  // trainer_checkpoint.cpp
  void save_checkpoint();
  CheckpointContents checkpoint_contents() const;
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

  TrainingArguments args_;
  Model model_;
  std::shared_ptr<Dataset> train_dataset_;
  json::object data_description_;  // of the train dataset, or of the one that a loaded model learned from
  EvalDatasets eval_datasets_;
  ComputeMetrics compute_metrics_;
  std::optional<std::int64_t> log_history_limit_;
  bool terminate_on_nan_;
  TrainerState state_;
  TrainerControl control_;
  std::unique_ptr<TensorViews> tensors_;
  std::unique_ptr<HostContext> context_;

  at::Device device_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> gradients_;  // kept to spare an allocation a step
  std::int64_t train_batch_size_;      // smaller than the argument when that did not fit into memory
  std::unique_ptr<DataLoader> train_dataloader_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<LRScheduler> lr_scheduler_;
  std::unique_ptr<GradScaler> scaler_;         // null without fp16
  std::unique_ptr<RunIdentity> run_identity_;  // of the last train()
  std::unique_ptr<CheckpointSaver> saver_;
  std::unique_ptr<TrainingRun> run_;  // of the last train(); null before
  Number current_flos_ = 0;           // since the last store_flos(), also of a try that did not fit into memory
  bool is_in_train_ = false;
  std::atomic<bool> stop_requested_{false};
  bool warned_of_tokens_ = false, warned_of_eval_loss_ = false;
  struct {
    bool done = false;                        // the model went through train() or an evaluation
    std::optional<double> seconds;            // of an evaluation that was the first; each later one reports it
    std::optional<at::ScalarType> full_type;  // set by fp16_full_eval, bf16_full_eval
    std::map<std::shared_ptr<Dataset>, std::shared_ptr<DataLoader>> persistent_loaders;
  } preparation_;                             // what evaluations keep from one to the next
  std::shared_ptr<DirectoryLock> lock_;       // of output_dir, from train() on
  std::unique_ptr<CallbackHandler> handler_;  // last, so that callbacks end before what they may still look at
};

}  // namespace trainer
