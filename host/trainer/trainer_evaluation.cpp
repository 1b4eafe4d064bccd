// SPDX-License-Identifier: Apache-2.0
//
// Evaluation and prediction, and what training makes of their metrics.
#include <ATen/ATen.h>

#include <cmath>

#include "trainer/error.hpp"
#include "trainer/out_of_memory.hpp"
#include "trainer/precision.hpp"
#include "trainer/speed_metrics.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

// numpy's pairwise summation of float32, so that the mean has numpy's last bit.
float pairwise_sum(const float* x, std::size_t n) {
  if (n < 8) {
    float sum = 0;
    for (std::size_t i = 0; i < n; ++i) sum += x[i];
    return sum;
  }
  if (n <= 128) {
    float r[8];
    for (std::size_t k = 0; k < 8; ++k) r[k] = x[k];
    std::size_t i = 8;
    for (; i + 8 <= n; i += 8)
      for (std::size_t k = 0; k < 8; ++k) r[k] += x[i + k];
    float sum = ((r[0] + r[1]) + (r[2] + r[3])) + ((r[4] + r[5]) + (r[6] + r[7]));
    for (; i < n; ++i) sum += x[i];
    return sum;
  }
  const std::size_t half = n / 2 - n / 2 % 8;
  return pairwise_sum(x, half) + pairwise_sum(x + half, n - half);
}

// Mean over the rows of the batches' losses; with `filter`, over the finite ones if there is any.
double mean_loss(const std::vector<at::Tensor>& losses, const std::vector<std::int64_t>& rows, bool filter) {
  const auto values = at::stack(losses).to(at::kCPU, at::kFloat);
  std::vector<float> all, finite;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const float loss = values[static_cast<std::int64_t>(i)].item<float>();
    all.insert(all.end(), static_cast<std::size_t>(rows[i]), loss);
    if (std::isfinite(loss)) finite.insert(finite.end(), static_cast<std::size_t>(rows[i]), loss);
  }
  const auto& used = filter && !finite.empty() ? finite : all;
  return pairwise_sum(used.data(), used.size()) / static_cast<float>(used.size());
}

at::Tensor joined(const std::vector<at::Tensor>& parts) { return parts.empty() ? at::Tensor() : at::cat(parts).cpu(); }

}  // namespace

json::object accuracy(const EvalPrediction& p) {
  const auto hits = p.predictions.argmax(-1).eq(p.label_ids).sum().item<std::int64_t>();
  return {{"accuracy", static_cast<double>(hits) / static_cast<double>(p.label_ids.numel())}};
}

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
  const bool loss_only = compute_metrics_ ? args_.prediction_loss_only : true;
  json::object metrics = evaluation_loop(*eval_dataloader(dataset), loss_only, prefix).metrics;
  log(metrics);
  fire(TRAINER_ON_EVALUATE, &metrics);
  return metrics;
}

std::shared_ptr<DataLoader> Trainer::eval_dataloader(const std::shared_ptr<Dataset>& dataset) {
  if (!args_.dataloader_persistent_workers) return get_eval_dataloader(dataset);
  auto& kept = eval_dataloaders_[dataset];
  if (!kept) kept = get_eval_dataloader(dataset);
  return kept;
}

PredictionOutput Trainer::predict(const std::shared_ptr<Dataset>& dataset, const std::string& prefix) {
  const auto loader = get_test_dataloader(dataset);
  PredictionOutput out = evaluation_loop(*loader, args_.prediction_loss_only, prefix);
  fire(TRAINER_ON_PREDICT, &out.metrics);
  return out;
}

PredictionOutput Trainer::evaluation_loop(DataLoader& loader, bool prediction_loss_only, const std::string& prefix) {
  const auto start = Clock::now();
  if (!prepared_) {
    // An evaluation before the first train() prepares the model, and every later one reports how
    // long that took. Here there is nothing to wrap.
    prepared_ = true;
    model_preparation_time_ = 0.0;
  }
  if (!is_in_train_ && (args_.fp16_full_eval || args_.bf16_full_eval)) {
    full_eval_type_ = args_.fp16_full_eval ? at::kHalf : at::kBFloat16;
    model_.module->to(*full_eval_type_);
  }
  model_.module->eval();
  handler_.has |= TRAINER_HAS_EVAL_DATALOADER;
  handler_.eval_dataloader_size = loader.size();

  std::vector<at::Tensor> losses, predictions, labels;
  std::vector<std::int64_t> rows;
  loader.begin_epoch(0);
  while (auto batch = loader.next()) {
    const std::int64_t batch_rows = batch->rows();
    Prediction p = prediction_step(std::move(*batch), prediction_loss_only);
    if (p.loss.defined()) losses.push_back(std::move(p.loss)), rows.push_back(batch_rows);
    if (p.logits.defined()) predictions.push_back(std::move(p.logits));
    if (p.labels.defined()) labels.push_back(std::move(p.labels));
    if (args_.eval_accumulation_steps && losses.size() % static_cast<std::size_t>(*args_.eval_accumulation_steps) == 0)
      for (auto* list : {&predictions, &labels})
        for (auto& t : *list) t = t.cpu();
    fire(TRAINER_ON_PREDICTION_STEP);
  }

  PredictionOutput out;
  out.predictions = joined(predictions);
  out.label_ids = joined(labels);
  json::object own;
  if (compute_metrics_ && out.predictions.defined() && out.label_ids.defined())
    own = compute_metrics_({out.predictions, out.label_ids});
  // Keys that already have the prefix come first, then the loss, then the others with the prefix.
  json::object& metrics = out.metrics;
  const std::string begin = prefix + "_";
  for (const auto& entry : own)
    if (std::string_view(entry.key()).substr(0, begin.size()) == begin) metrics.insert(entry);
  if (!losses.empty()) metrics.insert_or_assign(begin + "loss", mean_loss(losses, rows, args_.logging_nan_inf_filter));
  if (model_preparation_time_) metrics.insert_or_assign(begin + "model_preparation_time", *model_preparation_time_);
  for (const auto& entry : own)
    if (std::string_view(entry.key()).substr(0, begin.size()) != begin)
      metrics.insert_or_assign(begin + std::string(entry.key()), entry.value());
  const auto samples = static_cast<double>(loader.num_examples());
  const auto batch_size = static_cast<double>(args_.per_device_eval_batch_size);
  for (auto& entry : speed_metrics(prefix, seconds_since(start), samples, std::ceil(samples / batch_size)))
    metrics.insert_or_assign(entry.key(), std::move(entry.value()));
  return out;
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
