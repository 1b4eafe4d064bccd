// SPDX-License-Identifier: Apache-2.0
//
// One micro-batch: forward, loss, backward.
#include <ATen/ATen.h>
#include <torch/version.h>

#include "data/failure.hpp"
#include "model/label_smoothing.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/model_failure.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace {

at::Tensor to_float(at::Tensor t) {
  return t.defined() && (t.scalar_type() == at::kBFloat16 || t.scalar_type() == at::kHalf) ? t.to(at::kFloat) : t;
}

}  // namespace

std::int64_t Trainer::current_gradient_accumulation_steps() const { return impl_->run ? impl_->run->window_size() : 1; }

Batch Trainer::prepare_inputs(Batch batch) const {
  if (!impl_->device.is_cpu())
    for (auto& entry : batch) entry.second = entry.second.to(impl_->device, /*non_blocking=*/true);
  // A model that was cast for its evaluation takes its own type; labels are what they are.
  if (const auto type = impl_->preparation.full_type)
    for (auto& [name, tensor] : batch)
      if (name != "labels" && tensor.is_floating_point()) tensor = tensor.to(*type);
  return batch;
}

ModelOutput Trainer::forward(const Batch& inputs) {
  const bool half = impl_->args.fp16 && !impl_->device.is_cpu();
  const auto type = impl_->args.bf16 ? at::kBFloat16 : half ? at::kHalf : at::kFloat;
  ModelOutput out;
  {
    const Autocast autocast(impl_->device.type(), type);
    out = impl_->model->forward(inputs);
  }
  // As accelerate does: what leaves the autocast region is float32 again.
  if (type != at::kFloat) out = {to_float(out.loss), to_float(out.logits)};
  return out;
}

// With label smoothing or a loss of the program's the model gives no loss of its own: it gets no labels.
at::Tensor Trainer::compute_loss(const Batch& inputs, ModelOutput* outputs, const at::Tensor& num_items_in_batch) {
  const bool smooth =
      impl_->args.label_smoothing_factor != 0 && inputs["labels"].defined() && !impl_->model->smooths_labels();
  const bool own = impl_->compute_loss_func != nullptr;
  const bool kwargs = impl_->model->accepts_loss_kwargs() && num_items_in_batch.defined();
  ModelOutput out;
  if (smooth || own || kwargs) {
    Batch given = inputs;
    if (smooth || own) given.erase("labels");
    if (kwargs) given.set("num_items_in_batch", num_items_in_batch);
    out = forward(given);
    if (own || smooth) out.loss = impl_->loss_of(out, inputs["labels"], num_items_in_batch);
  } else {
    out = forward(inputs);
  }
  if (!out.loss.defined())
    throw_run(error_id::loss_missing, impl_->compute_loss_func
                                          ? "compute_loss_func gave an undefined tensor, expected the loss, a scalar"
                                          : "the model gave no loss for a batch; does the batch hold \"labels\"?");
  at::Tensor loss = out.loss;
  // Divided by the items of all ranks, it is the rank's share of their mean, which averaging divides again.
  if (!impl_->group->alone() && impl_->args.average_tokens_across_devices && num_items_in_batch.defined() &&
      (own || impl_->model->accepts_loss_kwargs()))
    loss = loss * impl_->group->world();
  if (outputs) *outputs = std::move(out);
  return loss;
}

at::Tensor Trainer::Impl::loss_of(const ModelOutput& out, const at::Tensor& labels, const at::Tensor& num_items) {
  if (compute_loss_func) {
    if (!labels.defined() && !std::exchange(warned_of_labels, true))
      log::warning("compute_loss_func is called for a batch without \"labels\"");
    return compute_loss_func(out, labels, num_items);
  }
  if (labels.is_floating_point())
    throw_usage(error_id::arguments_invalid,
                "args.label_smoothing_factor needs class labels, but the labels are floating-point numbers; "
                "set it to 0 for a regression");
  const double epsilon = args.label_smoothing_factor;
  if (!model->label_smoother_shifts_labels()) return smoothed_loss(out.logits, labels, epsilon, num_items);
  return smoothed_loss(out.logits.slice(-2, 0, -1).contiguous(), labels.slice(-1, 1).contiguous(), epsilon, num_items);
}

bool Trainer::loss_is_scaled_for_ga(const at::Tensor& num_items_in_batch) const {
  return impl_->compute_loss_func || (impl_->model->accepts_loss_kwargs() && num_items_in_batch.defined());
}

double Trainer::floating_point_ops(const Batch& inputs) { return impl_->model->floating_point_ops(inputs); }

// Labels that count, over all of these batches, and those of the other ranks; undefined when nobody asks for it.
at::Tensor Trainer::Impl::num_items_in_batch(std::span<const Batch> batches) {
  if (!compute_loss_func && !model->accepts_loss_kwargs()) return {};
  if (batches.empty() || !batches[0]["labels"].defined()) return {};
  at::Tensor sum;
  for (const Batch& batch : batches) {
    at::Tensor labels = batch["shift_labels"];
    if (!labels.defined()) {
      labels = batch["labels"];
      if (model->loss_shifts_labels()) labels = labels.slice(-1, 1);
    }
    if (!labels.defined()) return {};
    const at::Tensor items = labels.ne(-100).sum();
    sum = sum.defined() ? sum + items : items;
  }
  if (!group->alone() && args.average_tokens_across_devices)
    sum = at::scalar_tensor(sum_over_ranks(sum.item<std::int64_t>()), at::kLong);
  // A copy to the device would wait for it.
  if (sum.is_cpu() && !device.is_cpu())
    return at::full({}, sum.item<std::int64_t>(), at::TensorOptions(device).dtype(at::kFloat));
  return sum.to(device, at::kFloat);
}

void Trainer::backward(const at::Tensor& loss) { impl_->backward(loss); }

at::Tensor Trainer::training_step(Batch batch, const at::Tensor& num_items_in_batch) {
  if (!impl_->model->module().is_training()) impl_->model->module().train();
  const Batch inputs = prepare_inputs(std::move(batch));
  return on_batch(inputs, [&] {
    if (at::Tensor loss = impl_->compiled_gradients(inputs, num_items_in_batch); loss.defined()) return loss;
    at::Tensor loss = compute_loss(inputs, nullptr, num_items_in_batch);
    if (impl_->args.torch_empty_cache_steps && impl_->state.global_step % *impl_->args.torch_empty_cache_steps == 0)
      impl_->empty_device_cache();
    // A mean over the window's micro-batches; a short last window divides by its real size.
    const auto window = current_gradient_accumulation_steps();
    if (window != 1 && !loss_is_scaled_for_ga(num_items_in_batch)) loss = loss / static_cast<double>(window);
    backward(loss);
    return loss.detach();
  });
}

Trainer::Prediction Trainer::prediction_step(Batch batch, bool prediction_loss_only) {
  const at::NoGradGuard no_grad;
  const Batch inputs = prepare_inputs(std::move(batch));
  ModelOutput out;
  Prediction result;
  on_batch(inputs, [&] {
    if (inputs["labels"].defined()) {
      result.loss = compute_loss(inputs, &out, impl_->num_items_in_batch(std::span(&inputs, 1))).detach().mean();
      result.labels = inputs["labels"];
    } else {
      out = forward(inputs);
      if (out.loss.defined()) result.loss = out.loss.detach().mean();  // of labels by other names
    }
  });
  if (prediction_loss_only) return {result.loss, {}, {}};
  if (out.logits.defined()) result.logits = out.logits.detach();
  return result;
}

void Trainer::Impl::track_input_tokens(const Batch& inputs) {
  if (args.include_num_input_tokens_seen == "no") return;
  const auto& ids = inputs["input_ids"];
  if (!ids.defined()) {
    if (!std::exchange(warned_of_tokens, true))
      log::warning("include_num_input_tokens_seen: the batches hold no \"input_ids\", so no token is counted");
    return;
  }
  const auto& mask = inputs["attention_mask"];
  const bool masked = args.include_num_input_tokens_seen == "non_padding" && mask.defined();
  state.num_input_tokens_seen += sum_over_ranks(masked ? mask.sum().item<std::int64_t>() : ids.numel());
}

void Trainer::Impl::empty_device_cache() {
  // The caching allocator of the device, through the interface that needs no CUDA header; LibTorch
  // before 2.9 does not have it, and keeps its cache.
#if TORCH_VERSION_MAJOR > 2 || TORCH_VERSION_MINOR >= 9
  if (auto* allocator = dynamic_cast<c10::DeviceAllocator*>(c10::GetAllocator(device.type()))) allocator->emptyCache();
#endif
}

}  // namespace trainer
