// SPDX-License-Identifier: Apache-2.0
//
// Evaluation and prediction, and what training makes of their metrics.
#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "data/failure.hpp"
#include "data/out_of_memory.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/evaluation_result.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/precision.hpp"
#include "trainer/speed_metrics.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

void require(const std::shared_ptr<Dataset>& dataset, const std::string& who) {
  if (!dataset) throw_usage(error_id::data_missing, who + " was given a null dataset; give one with rows");
}

}  // namespace

json::object Trainer::evaluate() {
  if (eval_datasets_.empty())
    throw_usage(error_id::data_missing,
                "evaluate() needs an eval dataset; give data.eval, or TrainerOptions.eval_dataset");
  if (!eval_datasets_.named()) return evaluate(eval_datasets_.begin()->second);
  json::object all;
  for (const auto& [name, dataset] : eval_datasets_)
    for (auto& metric : evaluate(dataset, "eval_" + name))
      all.insert_or_assign(metric.key(), std::move(metric.value()));
  return all;
}

json::object Trainer::evaluate(const std::shared_ptr<Dataset>& dataset, const std::string& prefix) {
  return in_phase("evaluate", state_.global_step, [&] {
    require(dataset, "evaluate()");
    const bool loss_only = compute_metrics_ ? args_.prediction_loss_only : true;
    json::object metrics = evaluation_loop(*eval_dataloader(dataset), loss_only, prefix).metrics;
    log(metrics);
    fire(TRAINER_ON_EVALUATE, &metrics);
    return metrics;
  });
}

// A new loader, or with dataloader_persistent_workers the one made before, its threads alive.
std::shared_ptr<DataLoader> Trainer::eval_dataloader(const std::shared_ptr<Dataset>& dataset) {
  if (!args_.dataloader_persistent_workers) return get_eval_dataloader(dataset);
  auto& kept = preparation_.persistent_loaders[dataset];
  if (!kept) kept = get_eval_dataloader(dataset);
  return kept;
}

PredictionOutput Trainer::predict(const std::shared_ptr<Dataset>& dataset, const std::string& prefix) {
  return in_phase("predict", state_.global_step, [&] {
    require(dataset, "predict()");
    const auto loader = get_test_dataloader(dataset);
    PredictionOutput out = evaluation_loop(*loader, args_.prediction_loss_only, prefix);
    fire(TRAINER_ON_PREDICT, &out.metrics);
    return out;
  });
}

PredictionOutput Trainer::evaluation_loop(DataLoader& loader, bool prediction_loss_only, const std::string& prefix) {
  const Stopwatch since_start;
  prepare_for_evaluation(loader);
  EvaluationResult result;
  loader.begin_epoch(0);
  while (auto batch = loader.next()) {
    const std::int64_t rows = batch->rows();
    Prediction p = prediction_step(std::move(*batch), prediction_loss_only);
    result.add(rows, std::move(p.loss), std::move(p.logits), std::move(p.labels));
    if (args_.eval_accumulation_steps &&
        result.losses() % static_cast<std::size_t>(*args_.eval_accumulation_steps) == 0)
      result.move_to_cpu();
    fire(TRAINER_ON_PREDICTION_STEP);
  }

  PredictionOutput out{result.predictions(), result.label_ids(), {}};
  json::object own;
  if (compute_metrics_ && out.predictions.defined() && out.label_ids.defined())
    own = at_place(
        error_id::metric_failed,
        [&] {
          return "compute_metrics of predictions " + tensor_text(out.predictions) + " and label_ids " +
                 tensor_text(out.label_ids);
        },
        [&] { return compute_metrics_({out.predictions, out.label_ids}); });
  warn_of_evaluation(loader, result, prefix);
  out.metrics = result.metrics(prefix, own, args_.logging_nan_inf_filter, preparation_.seconds);
  const auto samples = static_cast<double>(loader.num_examples());
  const auto batch_size = static_cast<double>(args_.per_device_eval_batch_size);
  for (auto& entry : speed_metrics(prefix, since_start.seconds(), samples, std::ceil(samples / batch_size)))
    out.metrics.insert_or_assign(entry.key(), std::move(entry.value()));
  return out;
}

void Trainer::prepare_for_evaluation(const DataLoader& loader) {
  if (!preparation_.done) {
    // An evaluation before the first train() prepares the model, and every later one reports how
    // long that took. Here there is nothing to wrap.
    preparation_.done = true;
    preparation_.seconds = 0.0;
  }
  if (!is_in_train_ && (args_.fp16_full_eval || args_.bf16_full_eval)) {
    preparation_.full_type = args_.fp16_full_eval ? at::kHalf : at::kBFloat16;
    cast_module(*model_.module, *preparation_.full_type);
  }
  model_.module->eval();
  handler_->begin_evaluation(loader.size());
}

void Trainer::warn_of_evaluation(const DataLoader& loader, const EvaluationResult& result, const std::string& prefix) {
  if (loader.size() == 0)
    return log::warning(prefix + ": the dataset of " + std::to_string(loader.num_examples()) +
                        " rows gives no batch, so there is no " + prefix +
                        "_loss; give it more rows, or set "
                        "dataloader_drop_last to false");
  if (warned_of_eval_loss_) return;
  const auto bad = result.losses_not_finite();
  if (bad == 0) return;
  warned_of_eval_loss_ = true;
  log::warning(
      "at step " + std::to_string(state_.global_step) + " the loss of " + std::to_string(bad) + " of " +
      std::to_string(result.losses()) + " batches of an evaluation is NaN or infinite" +
      (args_.logging_nan_inf_filter ? ", and " + prefix + "_loss leaves them out (logging_nan_inf_filter)" : "") +
      "; later ones are not told");
}

json::object Trainer::evaluate_in_training(bool step_scheduler) {
  json::object metrics;
  try {
    metrics = evaluate();
  } catch (const std::exception& e) {
    // A smaller training batch, which train() would try, does not make the evaluation smaller.
    if (!args_.auto_find_batch_size || !is_out_of_memory(e)) throw;
    throw_run(error_id::memory_exhausted,
              "the evaluation does not fit into memory; auto_find_batch_size adjusts the training "
              "batch only, so make per_device_eval_batch_size smaller");
  }
  if (lr_scheduler_->metric_driven() && step_scheduler)
    lr_scheduler_->step(watched_metric(metrics).to_number<double>());
  return metrics;
}

const json::value& Trainer::watched_metric(const json::object& metrics) const {
  const std::string name = args_.watched_metric();
  const auto* value = metrics.if_contains(name);
  if (value && value->is_number()) return *value;
  std::string known;
  for (const auto& entry : metrics) known += (known.empty() ? "" : ", ") + std::string(entry.key());
  throw_run(error_id::metric_missing, "args.metric_for_best_model asks for \"" + name + "\", but the evaluation gave " +
                                          known + "; name one of these, or add the metric to the run's metrics");
}

bool Trainer::determine_best_metric(const json::object& metrics) {
  if (!args_.metric_for_best_model) return false;
  const json::value& v = watched_metric(metrics);
  return state_.update_best(v.is_double() ? Number(v.get_double()) : Number(v.to_number<std::int64_t>()), args_);
}

}  // namespace trainer
