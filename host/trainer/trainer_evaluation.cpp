// SPDX-License-Identifier: Apache-2.0
//
// Evaluation and prediction, and what training makes of their metrics.
#include <ATen/ATen.h>

#include <cmath>
#include <utility>

#include "data/failure.hpp"
#include "data/out_of_memory.hpp"
#include "trainer/error.hpp"
#include "trainer/evaluation_result.hpp"
#include "trainer/log.hpp"
#include "trainer/phase.hpp"
#include "trainer/speed_metrics.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace {

void require(const std::shared_ptr<AnyDataset>& dataset, const std::string& who) {
  if (!dataset) throw_usage(error_id::data_missing, who + " was given a null dataset; give one with rows");
}

}  // namespace

json::object Trainer::evaluate() {
  if (impl_->eval_dataset.empty())
    throw_usage(error_id::data_missing,
                "evaluate() needs an eval dataset; give data.eval, or TrainerOptions.eval_dataset");
  if (!impl_->eval_dataset.named()) return evaluate(impl_->eval_dataset.begin()->second);
  json::object all;
  for (const auto& [name, dataset] : impl_->eval_dataset)
    for (auto& metric : evaluate(dataset, "eval_" + name))
      all.insert_or_assign(metric.key(), std::move(metric.value()));
  return all;
}

json::object Trainer::evaluate(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix) {
  return in_phase("evaluate", impl_->state.global_step, [&] {
    require(dataset, "evaluate()");
    const bool loss_only = impl_->compute_metrics ? impl_->args.prediction_loss_only : true;
    json::object metrics = evaluation_loop(impl_->eval_dataloader(dataset), loss_only, prefix).metrics;
    log(metrics);
    impl_->fire(TRAINER_ON_EVALUATE, &metrics);
    return metrics;
  });
}

at::Tensor Trainer::Impl::preprocessed(const Prediction& p) const {
  return at_place(
      error_id::metric_failed,
      [&] {
        return "preprocess_logits_for_metrics of logits " + tensor_text(p.logits) + " and " +
               (p.labels.defined() ? "labels " + tensor_text(p.labels) : "no labels");
      },
      [&] {
        at::Tensor given = preprocess_logits_for_metrics(p.logits, p.labels);
        if (!given.defined() || given.dim() == 0)
          throw std::runtime_error("it gave " + (given.defined() ? tensor_text(given) : "an undefined tensor") +
                                   ", expected one with the rows first");
        return given;
      });
}

// A new loader, or with dataloader_persistent_workers the one made before, its threads alive.
std::shared_ptr<DataLoader> Trainer::Impl::eval_dataloader(const std::shared_ptr<AnyDataset>& dataset) {
  const auto make = [&] { return made(self.get_eval_dataloader(dataset), "get_eval_dataloader()"); };
  if (!args.dataloader_persistent_workers) return make();
  auto& kept = preparation.persistent_loaders[dataset];
  if (!kept) kept = make();
  return kept;
}

PredictionOutput Trainer::predict(const std::shared_ptr<AnyDataset>& dataset, const std::string& prefix) {
  return in_phase("predict", impl_->state.global_step, [&] {
    require(dataset, "predict()");
    impl_->require_same_data("the test data", *dataset);
    PredictionOutput out = evaluation_loop(made(get_test_dataloader(dataset), "get_test_dataloader()"),
                                           impl_->args.prediction_loss_only, prefix);
    impl_->fire(TRAINER_ON_PREDICT, &out.metrics);
    return out;
  });
}

PredictionOutput Trainer::evaluation_loop(std::shared_ptr<DataLoader> given, bool prediction_loss_only,
                                          const std::string& prefix) {
  const Stopwatch since_start;
  begin_evaluation(given);
  DataLoader& loader = *given;
  EvaluationResult result;
  std::int64_t observed = 0, batches = 0;
  const std::int64_t kept = impl_->args.eval_accumulation_steps.value_or(0);  // batches on the device; 0: all
  loader.begin_epoch(0);
  while (auto batch = loader.next()) {
    const std::int64_t rows = batch->rows();
    observed += impl_->add_batch(result, rows, prediction_step(std::move(*batch), prediction_loss_only), loader);
    if (kept > 0 && ++batches % kept == 0) result.move_to_cpu();
    impl_->fire(TRAINER_ON_PREDICTION_STEP);
  }

  if (kept > 0) result.move_to_cpu();
  PredictionOutput out{result.predictions(), result.label_ids(), {}};
  json::object own;
  if (impl_->compute_metrics && out.predictions.defined() && out.label_ids.defined())
    own = at_place(
        error_id::metric_failed,
        [&] {
          return "compute_metrics of predictions " + tensor_text(out.predictions) + " and label_ids " +
                 tensor_text(out.label_ids);
        },
        [&] { return impl_->compute_metrics(EvalPrediction{out.predictions, out.label_ids}); });
  if (observed == 0) impl_->warn_of_no_batch(loader, prefix);
  impl_->warn_of_evaluation(result, prefix);
  out.metrics = result.metrics(prefix, own, impl_->args.logging_nan_inf_filter, impl_->preparation.seconds);
  // Of rows whose number nobody knew, those that came.
  const auto samples = static_cast<double>(loader.num_examples().value_or(observed));
  const auto batch_size = static_cast<double>(impl_->args.per_device_eval_batch_size * impl_->group->world());
  for (auto& entry : speed_metrics(prefix, since_start.seconds(), samples, std::ceil(samples / batch_size)))
    out.metrics.insert_or_assign(entry.key(), std::move(entry.value()));
  return out;
}

void Trainer::begin_evaluation(std::shared_ptr<DataLoader> loader) {
  impl_->prepare_for_evaluation();
  CallbackObjects& objects = impl_->handler->objects();
  objects.eval_dataloader_size = loader->size().value_or(-1);
  objects.eval_dataloader = std::move(loader);
}

void Trainer::Impl::prepare_for_evaluation() {
  if (!preparation.done) {
    // An evaluation before the first train() prepares the model, and every later one reports how
    // long that took. Here there is nothing to wrap.
    preparation.done = true;
    preparation.seconds = 0.0;
    share_weights();
  }
  if (!is_in_train && (args.fp16_full_eval || args.bf16_full_eval)) {
    preparation.full_type = args.fp16_full_eval ? at::kHalf : at::kBFloat16;
    model->to(*preparation.full_type);
  }
  model->module().eval();
}

void Trainer::Impl::warn_of_no_batch(const DataLoader& loader, const std::string& prefix) {
  const auto rows = loader.num_examples();
  log::warning(prefix + ": " + (rows ? "the dataset of " + std::to_string(*rows) + " rows" : "the stream") +
               " gives no batch, so there is no " + prefix + "_loss; give it more rows" +
               (rows ? ", or set dataloader_drop_last to false" : ""));
}

void Trainer::Impl::warn_of_evaluation(const EvaluationResult& result, const std::string& prefix) {
  if (warned_of_eval_loss) return;
  const auto bad = result.losses_not_finite();
  if (bad == 0) return;
  warned_of_eval_loss = true;
  log::warning(
      "at step " + std::to_string(state.global_step) + " the loss of " + std::to_string(bad) + " of " +
      std::to_string(result.losses()) + " batches of an evaluation is NaN or infinite" +
      (args.logging_nan_inf_filter ? ", and " + prefix + "_loss leaves them out (logging_nan_inf_filter)" : "") +
      "; later ones are not reported");
}

json::object Trainer::Impl::evaluate_in_training(bool step_scheduler) {
  json::object metrics;
  try {
    metrics = self.evaluate();
  } catch (const std::exception& e) {
    // A smaller training batch, which train() would try, does not make the evaluation smaller.
    if (!args.auto_find_batch_size || !is_out_of_memory(e)) throw;
    throw_run(error_id::memory_exhausted,
              "the evaluation does not fit into memory; auto_find_batch_size adjusts the training "
              "batch only, so make per_device_eval_batch_size smaller");
  }
  if (lr_scheduler->metric_driven() && step_scheduler) lr_scheduler->step(watched_metric(metrics).to_number<double>());
  return metrics;
}

const json::value& Trainer::Impl::watched_metric(const json::object& metrics) const {
  const std::string name = args.watched_metric();
  const auto* value = metrics.if_contains(name);
  if (value && value->is_number()) return *value;
  if (value)
    throw_run(error_id::metric_missing, "args.metric_for_best_model asks for \"" + name +
                                            "\", but the evaluation gave " + json::dump(*value) +
                                            " for it; expected a number");
  std::string known;
  for (const auto& entry : metrics) known += (known.empty() ? "" : ", ") + std::string(entry.key());
  throw_run(error_id::metric_missing, "args.metric_for_best_model asks for \"" + name + "\", but the evaluation gave " +
                                          known + "; name one of these, or add the metric to the run's metrics");
}

bool Trainer::Impl::determine_best_metric(const json::object& metrics) {
  if (!args.metric_for_best_model) return false;
  const json::value& v = watched_metric(metrics);
  return state.update_best(v.is_int64() ? Number(v.get_int64()) : Number(v.to_number<double>()), args);
}

}  // namespace trainer
