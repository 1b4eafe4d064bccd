// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <torch/torch.h>

#include <trainer/trainer.hpp>
#include <utility>
#include <vector>

/// Keeps an exponential moving average of the weights, and puts it into the model for each evaluation of a training.
/// The training itself goes on with its own weights. An average begins with the run; it is not part of a checkpoint.
class EMA : public trainer::TrainerCallback {
 public:
  /// What checkpoints hold, and the model in the end: the weights that were trained, or the average, which is what was
  /// evaluated. A run that is resumed from an average goes on from it.
  enum class Saves { trained, average };

  explicit EMA(double decay, Saves saves = Saves::trained) : decay_(decay), saves_(saves) {}

 private:
  void on_train_begin(CallbackContext& context) override {
    other_.clear();
    for (const auto& weight : context.model->module().parameters()) other_.push_back(weight.detach().clone());
    swapped_ = false;
  }

  void on_optimizer_step(CallbackContext& context) override {
    const torch::NoGradGuard no_grad;
    auto average = other_.begin();
    for (const auto& weight : context.model->module().parameters()) (average++)->lerp_(weight, 1 - decay_);
  }

  // DefaultFlowCallback is before this one, so what is to come after a step or an epoch is known here.
  void on_step_end(CallbackContext& context) override { before_evaluation(context); }
  void on_epoch_end(CallbackContext& context) override { before_evaluation(context); }

  void before_evaluation(CallbackContext& context) {
    const bool saves_it = saves_ == Saves::average && context.control.should_save;
    if (context.control.should_evaluate || saves_it) swap(context, true);
  }

  // With several eval datasets this comes after each, and the second one sees the trained weights.
  void on_evaluate(CallbackContext& context) override {
    if (saves_ == Saves::trained) swap(context, false);
  }
  void on_save(CallbackContext& context) override { swap(context, false); }
  void on_step_begin(CallbackContext& context) override { swap(context, false); }

  void on_log(CallbackContext& context) override {
    // The summary: after it the best model is loaded, where the arguments say so.
    if (context.logs->contains("train_loss")) swap(context, false);
  }
  void on_train_end(CallbackContext& context) override {
    if (saves_ == Saves::average && !context.args.load_best_model_at_end) swap(context, true);
  }

  // The average into the model and the trained weights out of it, or the other way.
  void swap(CallbackContext& context, bool to_average) {
    if (std::exchange(swapped_, to_average) == to_average) return;
    const torch::NoGradGuard no_grad;
    auto other = other_.begin();
    for (auto& weight : context.model->module().parameters()) {
      const auto kept = weight.clone();
      weight.copy_(*other);
      (other++)->copy_(kept);
    }
  }

  double decay_;
  Saves saves_;
  bool swapped_ = false;
  std::vector<torch::Tensor> other_;  // the average; the trained weights while the model has it
};
