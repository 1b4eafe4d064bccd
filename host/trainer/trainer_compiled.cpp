// SPDX-License-Identifier: Apache-2.0
//
// A training whose steps are code from the model's file: what it refuses, and its update.
#include <ATen/ATen.h>

#include "trainer/compiled_training.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/model_failure.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace {

using Call = exported::CompiledStep::Call;

[[noreturn]] void refuse_compiled(const std::string& sentence) {
  throw_usage(error_id::compiled_step_unsupported, "\"compiled\": " + sentence);
}

exported::CompiledStep* compiled_step_of(Model& model) {
  auto* holder = dynamic_cast<exported::CompiledModel*>(&model);
  return holder ? holder->compiled_step() : nullptr;
}

constexpr const char* leave_out = ", or leave out \"compiled\"";

void check(const exported::CompiledFacts& facts, const TrainingArguments& args) {
  if (args.bf16)
    refuse_compiled("args.bf16 is set, and the compiled step computes in float32; set it to false" +
                    std::string(leave_out));
  if (args.label_smoothing_factor != 0)
    refuse_compiled("args.label_smoothing_factor is set, and the compiled step has the model's own loss; set it to 0" +
                    std::string(leave_out));
  if (args.auto_find_batch_size)
    refuse_compiled("args.auto_find_batch_size is set, and the compiled step is for batches of " +
                    std::to_string(facts.batch_size) + " rows; set it to false" + leave_out);
  if (args.per_device_train_batch_size != facts.batch_size)
    refuse_compiled("args.per_device_train_batch_size is " + std::to_string(args.per_device_train_batch_size) +
                    ", and the compiled step is for batches of " + std::to_string(facts.batch_size) +
                    " rows; set it so, or export the model with this batch_size of compiled_step");
}

void check_update(const exported::CompiledFacts& facts, const TrainingArguments& args, bool terminate_on_nan) {
  const std::string instead = ", or set \"compiled\" to \"gradients\"";
  if (facts.max_grad_norm && *facts.max_grad_norm != static_cast<double>(args.max_grad_norm))
    refuse_compiled("args.max_grad_norm is " + json::dump(args.max_grad_norm.to_json()) +
                    ", and the step was compiled for " + json::repr(*facts.max_grad_norm) +
                    "; set it so, or export the model without max_grad_norm in compiled_step" + instead);
  if (terminate_on_nan)
    refuse_compiled(
        "terminate_on_nan is set, and a step in one call knows its loss only after the update; set it to false" +
        instead);
}

// The code does not say what is wrong with a batch that it refuses; the interpreter, which is given it then, does.
template <typename Compiled, typename Interpret>
auto with_reason(Compiled&& compiled, Interpret&& interpret) {
  try {
    return compiled();
  } catch (const std::exception&) {
    const at::NoGradGuard no_grad;
    interpret();
    throw;
  }
}

}  // namespace

// What is not so in a run that the model's compiled step is to train.
void Trainer::Impl::check_compiled() const {
  const auto* step = compiled_step_of(*model);
  if (!step) return;
  if (!device.is_cpu())
    refuse_compiled("the run is on " + device.str() + ", and the compiled step is for the CPU; set use_cpu" +
                    leave_out);
  if (!group->alone())
    refuse_compiled("the run has " + std::to_string(group->world()) +
                    " processes, and the compiled step trains in one; start one process" + std::string(leave_out));
  if (compute_loss_func)
    refuse_compiled("TrainerOptions.compute_loss_func is set, and the compiled step has the model's own loss" +
                    std::string(leave_out));
  check(step->facts(), args);
  if (!step->updates(args.gradient_accumulation_steps)) return;
  check_update(step->facts(), args, terminate_on_nan);
  if (!optimizer && !args.optim.starts_with("adamw_torch"))
    refuse_compiled("args.optim is " + args.optim + ", and \"compiled\": true has AdamW compiled in; set it to " +
                    "adamw_torch, or \"compiled\" to \"gradients\", which works with any");
}

void Trainer::Impl::prepare_compiled() {
  compiled.reset();
  check_compiled();
  auto* step = compiled_step_of(*model);
  if (!step) return;
  const bool updates = step->updates(args.gradient_accumulation_steps);
  compiled = std::make_unique<CompiledTraining>(*step, updates ? Call::update : Call::gradients, *optimizer);
  tensors->forget_gradient_reader();
  log::info("the training step is code from " + step->file() + ", compiled for " + step->facts().target +
            (updates ? ": loss, gradients, clipping and AdamW in one call" : ": loss and gradients in one call") +
            "; its numbers differ from those of the interpreter in their last digits");
}

// In one call there are no gradients that anybody could see.
void Trainer::Impl::refuse_gradient_readers() {
  if (!compiled || !compiled->updates() || tensors->gradient_reader().empty()) return;
  refuse_compiled(
      "the callback " + tensors->gradient_reader() +
      " reads gradients, which a step in one call keeps to itself; set \"compiled\" to \"gradients\", or leave the "
      "callback out");
}

bool Trainer::Impl::hold_for_update(Batch& inputs, const at::Tensor& num_items) {
  if (!compiled || !compiled->updates()) return false;
  const bool adds = model->accepts_loss_kwargs() && num_items.defined();
  if (adds) inputs.set("num_items_in_batch", num_items);
  const bool held = compiled->takes(inputs);
  if (held)
    held_batch = std::move(inputs);
  else if (adds)
    inputs.erase("num_items_in_batch");
  return held;
}

void Trainer::Impl::update_in_one_call() {
  if (!model->module().is_training()) model->module().train();
  fire(TRAINER_ON_PRE_OPTIMIZER_STEP);
  refuse_gradient_readers();
  const Batch inputs = self.prepare_inputs(std::move(held_batch));
  held_batch = {};
  auto [loss, grad_norm] = on_batch(inputs, [&] {
    return with_reason([&] { return compiled->update(inputs, args.max_grad_norm); }, [&] { self.forward(inputs); });
  });
  run->last_update.grad_norm = std::move(grad_norm);
  run->add_loss(loss, args.logging_nan_inf_filter, state.global_step);
  tell_of_bad_loss(false);
  fire(TRAINER_ON_OPTIMIZER_STEP);
  run->last_update.learning_rate = optimizer->param_groups()[0].lr;
  if (!lr_scheduler->metric_driven()) lr_scheduler->step();
}

at::Tensor Trainer::Impl::compiled_gradients(const Batch& inputs, const at::Tensor& num_items) {
  if (!compiled || compiled->updates()) return {};
  Batch given = inputs;
  if (model->accepts_loss_kwargs() && num_items.defined()) given.set("num_items_in_batch", num_items);
  if (!compiled->takes(given)) return {};
  const auto window = self.current_gradient_accumulation_steps();
  const bool divides = window != 1 && !self.loss_is_scaled_for_ga(num_items);
  const double scale = divides ? 1.0 / static_cast<double>(window) : 1.0;
  return with_reason([&] { return compiled->gradients(given, scale); }, [&] { self.forward(given); });
}

}  // namespace trainer
