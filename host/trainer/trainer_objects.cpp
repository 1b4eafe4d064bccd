// SPDX-License-Identifier: Apache-2.0
//
// What a Trainer is made of: for programs, for those who override its parts, and described for plugins (ext/objects.h).
#include <ATen/core/ivalue.h>
#include <trainer/ext/objects.h>

#include "formats/python_value.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace {

// None, bools, numbers, texts, and lists and dicts of them; null for what JSON has not, such as tensors.
json::value plain(const c10::IValue& value) {
  if (value.isBool()) return value.toBool();
  if (value.isInt()) return value.toInt();
  if (value.isDouble()) return value.toDouble();
  if (value.isString()) return json::value(value.toStringRef());
  json::array items;
  if (value.isTuple()) {
    for (const c10::IValue& item : value.toTupleRef().elements()) items.push_back(plain(item));
    return items;
  }
  if (value.isList()) {
    for (const c10::IValue& item : value.toListRef()) items.push_back(plain(item));
    return items;
  }
  if (!value.isGenericDict()) return nullptr;
  json::object out;
  for (const auto& entry : value.toGenericDict())
    if (entry.key().isString()) out[entry.key().toStringRef()] = plain(entry.value());
  return out;
}

json::object describe(const Optimizer& optimizer) {
  json::value groups = plain(optimizer.state_dict().toGenericDict().at("param_groups"));
  for (std::size_t i = 0; i < groups.as_array().size(); ++i) {
    json::array names;
    for (const std::string& name : optimizer.param_groups()[i].names) names.emplace_back(name);
    groups.as_array()[i].as_object()["params"] = std::move(names);
  }
  return {{"param_groups", std::move(groups)}};
}

json::object describe(const LRScheduler& scheduler) {
  json::array rates;
  for (const double rate : scheduler.get_last_lr()) rates.emplace_back(rate);
  return {{"last_lr", std::move(rates)}, {"state", plain(scheduler.state_dict())}};
}

// Of a loader, null where it is not known.
json::value loader_length(std::int64_t batches) { return batches < 0 ? json::value(nullptr) : json::value(batches); }

}  // namespace

const TrainingArguments& Trainer::args() const { return impl_->args; }
const TrainerState& Trainer::state() const { return impl_->state; }
TrainerState& Trainer::mutable_state() { return impl_->state; }
TrainerControl& Trainer::control() { return impl_->control; }
const CallbackHandler& Trainer::callback_handler() const { return *impl_->handler; }
Model& Trainer::model() { return *impl_->model; }
const Model& Trainer::model() const { return *impl_->model; }
Optimizer* Trainer::optimizer() { return impl_->optimizer.get(); }
LRScheduler* Trainer::lr_scheduler() { return impl_->lr_scheduler.get(); }
const at::Device& Trainer::device() const { return impl_->device; }
const std::shared_ptr<AnyDataset>& Trainer::train_dataset() const { return impl_->train_dataset; }
const EvalDatasets& Trainer::eval_dataset() const { return impl_->eval_dataset; }
const ComputeMetrics& Trainer::compute_metrics() const { return impl_->compute_metrics; }
std::int64_t Trainer::train_batch_size() const { return impl_->train_batch_size; }
DataShard Trainer::data_shard() const { return impl_->shard(); }
bool Trainer::is_in_train() const { return impl_->is_in_train; }

std::uint32_t Trainer::Impl::present_objects() const {
  return handler->objects().has() | (model->module().is_training() ? TRAINER_MODEL_TRAINING : 0u);
}

std::string Trainer::Impl::describe_objects() const {
  json::object all;
  const std::uint32_t present = handler->objects().has();
  if (present & TRAINER_EVENT_HAS_OPTIMIZER) all["optimizer"] = describe(*optimizer);
  if (present & TRAINER_EVENT_HAS_LR_SCHEDULER) all["lr_scheduler"] = describe(*lr_scheduler);
  if (present & TRAINER_EVENT_HAS_TRAIN_DATALOADER)
    all["train_dataloader"] = {{"length", loader_length(train_dataloader->size().value_or(-1))},
                               {"batch_size", train_batch_size}};
  if (present & TRAINER_EVENT_HAS_EVAL_DATALOADER)
    all["eval_dataloader"] = {{"length", loader_length(handler->objects().eval_dataloader_size)},
                              {"batch_size", args.per_device_eval_batch_size}};
  return json::dump(all);
}

}  // namespace trainer
