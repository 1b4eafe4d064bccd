// SPDX-License-Identifier: Apache-2.0
//
// One micro-batch: forward, loss, backward.
#include <ATen/ATen.h>
#include <torch/version.h>

#include "data/failure.hpp"
#include "model/label_smoothing.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/precision.hpp"
#include "trainer/trainer.hpp"
#include "trainer/training_run.hpp"

namespace trainer {
namespace {

at::Tensor to_float(at::Tensor t) {
  return t.defined() && (t.scalar_type() == at::kBFloat16 || t.scalar_type() == at::kHalf) ? t.to(at::kFloat) : t;
}

}  // namespace

std::int64_t Trainer::current_gradient_accumulation_steps() const { return run_ ? run_->window_size() : 1; }

Batch Trainer::prepare_inputs(Batch batch) const {
  if (!device_.is_cpu())
    for (auto& entry : batch) entry.second = entry.second.to(device_, /*non_blocking=*/true);
  // A model that was cast for its evaluation takes its own type; labels are what they are.
  if (const auto type = preparation_.full_type)
    for (auto& [name, tensor] : batch)
      if (name != "labels" && tensor.is_floating_point()) tensor = tensor.to(*type);
  return batch;
}

ModelOutput Trainer::forward(const Batch& inputs) {
  const bool half = args_.fp16 && !device_.is_cpu();
  const auto type = args_.bf16 ? at::kBFloat16 : half ? at::kHalf : at::kFloat;
  ModelOutput out;
  {
    const Autocast autocast(device_.type(), type);
    out = model_.forward(inputs);
  }
  // As accelerate does: what leaves the autocast region is float32 again.
  if (type != at::kFloat) out = {to_float(out.loss), to_float(out.logits)};
  return out;
}

at::Tensor Trainer::compute_loss(const Batch& inputs, ModelOutput* outputs) {
  const bool smooth = args_.label_smoothing_factor != 0 && inputs["labels"].defined();
  ModelOutput out;
  if (smooth) {
    const auto labels = inputs["labels"];
    if (labels.is_floating_point())
      throw_usage(error_id::arguments_invalid,
                  "args.label_smoothing_factor needs class labels, but the labels are floating-point numbers; "
                  "set it to 0 for a regression");
    Batch without_labels = inputs;
    without_labels.erase("labels");
    out = forward(without_labels);
    out.loss = smoothed_loss(out.logits, labels, args_.label_smoothing_factor);
  } else {
    out = forward(inputs);
  }
  if (!out.loss.defined())
    throw_run(error_id::loss_missing, "the model gave no loss for a batch; does the batch hold \"labels\"?");
  const at::Tensor loss = out.loss;
  if (outputs) *outputs = std::move(out);
  return loss;
}

void Trainer::backward(const at::Tensor& loss) { (scaler_ ? scaler_->scale(loss) : loss).backward(); }

at::Tensor Trainer::training_step(Batch batch) {
  if (!model_.module->is_training()) model_.module->train();
  const Batch inputs = prepare_inputs(std::move(batch));
  return at_place(
      error_id::model_failed, [&] { return batch_text(inputs); },
      [&] {
        at::Tensor loss = compute_loss(inputs);
        if (args_.torch_empty_cache_steps && state_.global_step % *args_.torch_empty_cache_steps == 0)
          empty_device_cache();
        // A mean over the window's micro-batches; a short last window divides by its real size.
        if (const auto window = current_gradient_accumulation_steps(); window != 1)
          loss = loss / static_cast<double>(window);
        backward(loss);
        return loss.detach();
      });
}

Trainer::Prediction Trainer::prediction_step(Batch batch, bool prediction_loss_only) {
  const at::NoGradGuard no_grad;
  const Batch inputs = prepare_inputs(std::move(batch));
  ModelOutput out;
  Prediction result;
  at_place(
      error_id::model_failed, [&] { return batch_text(inputs); },
      [&] {
        if (inputs["labels"].defined()) {
          result.loss = compute_loss(inputs, &out).detach().mean();
          result.labels = inputs["labels"];
        } else {
          out = forward(inputs);
        }
      });
  if (prediction_loss_only) return {result.loss, {}, {}};
  result.logits = out.logits.detach();
  return result;
}

void Trainer::track_input_tokens(const Batch& inputs) {
  if (args_.include_num_input_tokens_seen == "no") return;
  const auto& ids = inputs["input_ids"];
  if (!ids.defined()) {
    if (!std::exchange(warned_of_tokens_, true))
      log::warning("include_num_input_tokens_seen: the batches hold no \"input_ids\", so no token is counted");
    return;
  }
  const auto& mask = inputs["attention_mask"];
  const bool masked = args_.include_num_input_tokens_seen == "non_padding" && mask.defined();
  state_.num_input_tokens_seen += masked ? mask.sum().item<std::int64_t>() : ids.numel();
}

void Trainer::empty_device_cache() {
  // The caching allocator of the device, through the interface that needs no CUDA header; LibTorch
  // before 2.9 does not have it, and keeps its cache.
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
  if (auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device_.type()))) allocator->emptyCache();
#endif
}

}  // namespace trainer
