// SPDX-License-Identifier: Apache-2.0
//
// The Trainer: training, evaluation and prediction with callbacks, and the parts that a class may replace.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <trainer/event.h>

#include "trainer/csv_dataset.hpp"
#include "trainer/data_loader.hpp"
#include "trainer/error.hpp"
#include "trainer/lr_scheduler.hpp"
#include "trainer/model.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/plugin_results.hpp"
#include "trainer/trainer_options.hpp"

namespace trainer {

class CallbackHandler;
class GradScaler;

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
  void request_stop() noexcept;

  /// Evaluates the eval dataset (an IterableDataset to its end), or each of them by name ("eval_<name>_loss" ...).
  virtual json::object evaluate();
  virtual json::object evaluate(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix = "eval");
  virtual PredictionOutput predict(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix = "test");
  /// Writes the model's weights to DIR/model.safetensors, and beside it training_args.json and checkpoint.json, by
  /// which load_model() sees that they are still the same.
  virtual void save_model(const std::filesystem::path& directory) const;
  /// Fires on_push_begin, then saves the model to args.output_dir, as transformers' push_to_hub does before it uploads
  /// that. Nobody calls it by itself, and nothing is uploaded here: a class with an uploader overrides it, calls this
  /// one first, and takes what lies in the directory.
  virtual void push();
  /// Writes the state to trainer_state.json in args.output_dir.
  void save_state() const;
  /// Loads weights from a checkpoint directory, as resuming does, without its optimizer and state.
  void load_model(const std::filesystem::path& checkpoint);
  /// Takes a checkpoint's state over, its step above all, so that what evaluate() logs stands where the model was
  /// saved. Nothing when the directory has none.
  void load_state(const std::filesystem::path& checkpoint);

  /// At the end of the list: an instance, CallbackSpec::of<T>(), CallbackSpec::plugin(id, config), or what
  /// pop_callback() gave. A second one of a class is a warning.
  void add_callback(const CallbackSpec& callback);
  template <typename T, typename... Arguments>
  void add_callback(Arguments... arguments) {
    add_callback(CallbackSpec::of<T>(std::move(arguments)...));
  }
  /// The first callback that is a T (or derived from it), taken out; null when there is none. The built-in ones are
  /// types, too: trainer/builtin_callbacks.hpp.
  template <typename T>
  std::shared_ptr<T> pop_callback() {
    return std::dynamic_pointer_cast<T>(
        pop_native([](const TrainerCallback* callback) { return dynamic_cast<const T*>(callback) != nullptr; }));
  }
  /// This one; null when it is not there.
  std::shared_ptr<TrainerCallback> pop_callback(const TrainerCallback& callback);
  /// By a plugin's id or a class, its entry, which add_callback() takes again. It must not outlive this. Null when
  /// there is none.
  std::shared_ptr<CallbackEntry> pop_callback(std::string_view name);
  template <typename T>
  void remove_callback() {
    pop_callback<T>();
  }
  /// An Error when it is not there.
  void remove_callback(const TrainerCallback& callback);

  const TrainingArguments& args() const;
  const TrainerState& state() const;
  TrainerControl& control();
  const CallbackHandler& callback_handler() const;  ///< trainer/callback_handler.hpp
  Model& model();                                   ///< with model_init another one after each train()
  const Model& model() const;
  Optimizer* optimizer();       ///< null before train(), if none was given
  LRScheduler* lr_scheduler();  ///< null before train(), if none was given
  /// Steps that the last train() made; a resumed one did not make those before.
  std::int64_t train_steps() const;
  /// Where plugins say that the results of the last train() are, also of one that failed.
  const std::vector<PluginResult>& plugin_results() const;
  /// Seconds of the last train(), evaluations and saves included.
  double train_seconds() const;
  /// Those of them in which it waited for a batch.
  double data_seconds() const;

  // ---- parts to override ----
  /// Loss of a batch (scalar, with its graph); also the outputs when `outputs` is not null. `num_items_in_batch` is
  /// what Model::accepts_loss_kwargs() says, and undefined where neither the model nor compute_loss_func asks for it.
  virtual at::Tensor compute_loss(const Batch& inputs, ModelOutput* outputs = nullptr,
                                  const at::Tensor& num_items_in_batch = {});
  /// Whether compute_loss gives a loss over all micro-batches of the step; otherwise it is the mean of its own, and is
  /// divided by their number. As in transformers: with compute_loss_func, or a model that took num_items_in_batch.
  virtual bool loss_is_scaled_for_ga(const at::Tensor& num_items_in_batch) const;
  /// Forward and backward of one micro-batch; the loss to log, without graph.
  virtual at::Tensor training_step(Batch inputs, const at::Tensor& num_items_in_batch = {});
  /// Loss (undefined without labels), logits and labels of one batch, without gradients.
  struct Prediction {
    at::Tensor loss, logits, labels;
  };
  virtual Prediction prediction_step(Batch inputs, bool prediction_loss_only);
  virtual std::unique_ptr<Optimizer> create_optimizer();
  virtual std::unique_ptr<LRScheduler> create_scheduler(Optimizer& optimizer, std::int64_t num_training_steps);
  /// The order of the train dataset, and of one to evaluate: of rows with numbers.
  virtual std::shared_ptr<Sampler> get_train_sampler(const Dataset& dataset);
  virtual std::shared_ptr<Sampler> get_eval_sampler(const Dataset& dataset);
  virtual std::unique_ptr<DataLoader> get_train_dataloader();
  virtual std::unique_ptr<DataLoader> get_eval_dataloader(const std::shared_ptr<AnyDataset>& dataset);
  virtual std::unique_ptr<DataLoader> get_test_dataloader(const std::shared_ptr<AnyDataset>& dataset);
  /// Adds what every log carries, keeps it in state.log_history, and fires on_log.
  virtual void log(json::object& logs, std::optional<double> seconds_since_start = {});
  /// Floating-point operations of a micro-batch: what the model says, 0 when it has no estimate.
  virtual double floating_point_ops(const Batch& inputs);
  /// Predictions and metrics of a loader's batches: what evaluate() and predict() are made of.
  virtual PredictionOutput evaluation_loop(std::shared_ptr<DataLoader> loader, bool prediction_loss_only,
                                           const std::string& prefix);

 protected:
  // ---- what they are made of, for those who override them ----
  const at::Device& device() const;
  const std::shared_ptr<AnyDataset>& train_dataset() const;
  const EvalDatasets& eval_dataset() const;
  const ComputeMetrics& compute_metrics() const;
  std::int64_t train_batch_size() const;  ///< smaller than the argument when auto_find_batch_size made it so
  bool is_in_train() const;
  /// Which batches are this process's, for the DataLoaderOptions of a loader that an override makes.
  DataShard data_shard() const;
  TrainerState& mutable_state();
  /// Fires an event (TRAINER_ON_...) with the logs or metrics that it carries.
  void fire(std::uint32_t event, json::object* values = nullptr);
  /// What an evaluation_loop begins with: the model in evaluation, in the type that the arguments say, and the
  /// callbacks given the loader.
  void begin_evaluation(std::shared_ptr<DataLoader> loader);
  /// Micro-batches of the step that goes on; the last step of an epoch may have fewer than the others.
  std::int64_t current_gradient_accumulation_steps() const;
  /// The batch on the model's device.
  Batch prepare_inputs(Batch batch) const;
  /// The model's output, computed in bf16 or fp16 where the arguments say so.
  ModelOutput forward(const Batch& inputs);
  /// The gradients of a loss, with fp16 of the scaled one.
  void backward(const at::Tensor& loss);
  /// What a plugin gets that asks for the model: this one, or within an on_save that async_save
  /// fires late the one that was saved.
  void save_model_for_plugin(const std::filesystem::path& directory) const;
  /// fp16's loss scaling; null where there is none.
  virtual std::unique_ptr<GradScaler> create_scaler();

 private:
  std::shared_ptr<TrainerCallback> pop_native(const std::function<bool(const TrainerCallback*)>& is_it);

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace trainer
