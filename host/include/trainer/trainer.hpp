// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <map>
#include <optional>

#include "trainer/callback_handler.hpp"
#include "trainer/data_loader.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/model.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/trainer_options.hpp"

namespace trainer {

class CheckpointWriter;
class LossSum;
class GradScaler;
class TensorViews;

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
/// are virtual are the parts that a program may replace, as one subclasses the Trainer there.
/// Errors are trainer::Error. One thread; several Trainers may follow one another in a process.
class Trainer {
 public:
  explicit Trainer(TrainerOptions options);
  virtual ~Trainer();
  Trainer(const Trainer&) = delete;

  /// Trains. `resume_from_checkpoint`: a checkpoint directory, or an empty path for the newest one
  /// in args.output_dir.
  TrainOutput train(const std::optional<std::filesystem::path>& resume_from_checkpoint = {});
  /// Makes train() end after the step it is in (and its evaluation): it saves, and fires the events
  /// that an early stop fires. From any thread or signal handler.
  void request_stop() noexcept { stop_requested_.store(true, std::memory_order_relaxed); }

  /// Evaluates the eval dataset, or each of them by name ("eval_<name>_loss" ...).
  json::object evaluate();
  json::object evaluate(const std::shared_ptr<Dataset>& dataset, const std::string& prefix = "eval");
  PredictionOutput predict(const std::shared_ptr<Dataset>& dataset, const std::string& prefix = "test");
  /// Writes the model's weights to DIR/model.safetensors.
  void save_model(const std::filesystem::path& directory) const;
  /// Loads weights from a checkpoint directory, as resuming does, without its optimizer and state.
  void load_model(const std::filesystem::path& checkpoint);

  template <typename T>
  void add_callback(std::shared_ptr<T> callback) {
    handler_.add(native_entry(std::move(callback)));
  }
  template <typename T>
  void add_callback() {
    add_callback(std::make_shared<T>());
  }
  /// The first callback that is a T (or derived from it), taken out; null when there is none.
  template <typename T>
  std::shared_ptr<CallbackEntry> pop_callback();
  std::shared_ptr<CallbackEntry> pop_callback(const TrainerCallback& callback);
  std::shared_ptr<CallbackEntry> pop_callback(std::string_view name);  ///< a plugin's id or a class
  template <typename T>
  void remove_callback() {
    pop_callback<T>();
  }
  /// An Error when it is not there.
  void remove_callback(const TrainerCallback& callback);

  const TrainingArguments& args() const { return args_; }
  const TrainerState& state() const { return state_; }
  TrainerControl& control() { return control_; }
  const CallbackHandler& callback_handler() const { return handler_; }
  Model& model() { return model_; }
  const Model& model() const { return model_; }
  Optimizer* optimizer() { return optimizer_.get(); }  ///< null before train()
  /// Seconds of the last train(), evaluations and saves included, and those of them in which it waited for
  /// a batch.
  double train_seconds() const { return train_seconds_; }
  double data_seconds() const { return data_seconds_; }
  LRScheduler* lr_scheduler() { return lr_scheduler_.get(); }  ///< null before train()

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
  using Clock = std::chrono::steady_clock;
  /// What train() knows of its length, see transformers' set_initial_training_values.
  struct Plan {
    std::int64_t num_train_epochs, num_update_steps_per_epoch, steps_in_epoch, max_steps;
    double num_train_samples;
  };
  struct Resume {
    std::optional<std::filesystem::path> checkpoint;
    std::int64_t epochs_trained = 0;
    std::int64_t steps_trained_in_current_epoch = 0;  ///< micro-batches to skip
  };

  // trainer.cpp: the loop
  TrainOutput inner_training_loop(const std::optional<std::filesystem::path>& checkpoint);
  void run_epoch(std::int64_t epoch, const Plan& plan, const Resume& resume);
  void maybe_log_save_evaluate(const at::Tensor& grad_norm, std::optional<double> learning_rate);
  TrainOutput finalize_training(const Plan& plan);
  void obey_stop_request();
  bool update_parameters(at::Tensor& grad_norm);  ///< false: skipped, gradients overflowed
  void zero_grad();

  // trainer_setup.cpp
  void add_initial_callbacks(const TrainerOptions& options);
  Plan plan_training(const DataLoader& loader) const;
  Resume init_training_state(const Plan& plan, const std::optional<std::filesystem::path>& checkpoint);
  void prepare_for_training(const Plan& plan, const Resume& resume);
  DataLoader::Options loader_options(std::int64_t batch_size) const;
  void warn_of_changed_steps(const TrainerState& given) const;
  Batch to_device(Batch batch) const;
  double seconds_since(Clock::time_point start) const;

  // trainer_step.cpp
  ModelOutput forward(const Batch& inputs);
  void empty_device_cache();
  void track_input_tokens(const Batch& inputs);

  // trainer_evaluation.cpp
  PredictionOutput evaluation_loop(DataLoader& loader, bool prediction_loss_only, const std::string& prefix);
  /// A new loader, or with dataloader_persistent_workers the one made before, its threads alive.
  std::shared_ptr<DataLoader> eval_dataloader(const std::shared_ptr<Dataset>& dataset);
  json::object evaluate_in_training(bool step_scheduler);
  bool determine_best_metric(const json::object& metrics);
  const json::value& watched_metric(const json::object& metrics) const;

  // trainer_checkpoint.cpp
  void save_checkpoint();  ///< and on_save, or with async_save its promise
  /// async_save: waits for the checkpoint that is being written, if any, and fires its on_save.
  void finish_save();
  void give_up_save() noexcept;  ///< the same without on_save, when an exception ends the training
  void save_model_for_plugin(const std::filesystem::path& directory) const;
  void load_best_model();
  void load_optimizer_and_scheduler(const std::filesystem::path& checkpoint);
  void store_flos();

  void fire(std::uint32_t event, json::object* values = nullptr) { handler_.call_event(event, values); }

  TrainingArguments args_;
  Model model_;
  std::shared_ptr<Dataset> train_dataset_;
  EvalDatasets eval_datasets_;
  ComputeMetrics compute_metrics_;
  std::optional<std::int64_t> log_history_limit_;
  PluginRegistry registry_;
  HostContext context_;
  TrainerState state_;
  TrainerControl control_;
  std::unique_ptr<TensorViews> tensors_;

  at::Device device_;
  std::vector<at::Tensor> parameters_;
  std::vector<at::Tensor> gradients_;  // kept to spare an allocation a step
  std::unique_ptr<DataLoader> train_dataloader_;
  std::map<std::shared_ptr<Dataset>, std::shared_ptr<DataLoader>> eval_dataloaders_;  ///< persistent
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<LRScheduler> lr_scheduler_;
  std::unique_ptr<GradScaler> scaler_;  ///< null without fp16
  struct PendingSave {
    std::filesystem::path directory;
    std::int64_t global_step = 0;
    Number epoch = 0;
  } pending_save_;
  const std::filesystem::path* announced_ = nullptr;  ///< within finish_save(): what on_save is about
  std::unique_ptr<CheckpointWriter> writer_;          ///< null without async_save
  std::unique_ptr<LossSum> loss_;
  std::int64_t train_batch_size_;
  std::int64_t current_gradient_accumulation_steps_ = 1;
  std::int64_t globalstep_last_logged_ = 0;
  std::int64_t initial_global_step_ = 0;
  std::int64_t initial_num_input_tokens_seen_ = 0;
  double total_loss_ = 0;
  double train_seconds_ = 0, data_seconds_ = 0;
  Number current_flos_ = 0;
  Clock::time_point train_start_{};
  bool is_in_train_ = false;
  std::atomic<bool> stop_requested_{false};
  bool warned_of_tokens_ = false;
  bool prepared_ = false;  ///< the model went through train() or an evaluation
  std::optional<double> model_preparation_time_;
  std::optional<at::ScalarType> full_eval_type_;  ///< set by fp16_full_eval, bf16_full_eval
  CallbackHandler handler_;                       // last, so that callbacks end before what they may still look at
};

template <typename T>
std::shared_ptr<CallbackEntry> Trainer::pop_callback() {
  for (const auto& entry : handler_.entries())
    if (dynamic_cast<T*>(entry->native())) return handler_.pop(entry.get());
  return nullptr;
}

}  // namespace trainer
