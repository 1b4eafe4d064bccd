// SPDX-License-Identifier: Apache-2.0
//
// ProgressCallback: bars of training and evaluation, and each log as a line.
#include "base/terminal.hpp"
#include "callbacks/progress_bar.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/console.hpp"

namespace trainer {

ProgressCallback::ProgressCallback() : bars_(is_terminal(2)) {}
ProgressCallback::~ProgressCallback() = default;

void ProgressCallback::on_train_begin(CallbackContext& context) {
  if (!context.state.is_world_process_zero) return;
  training_ = true;
  if (bars_) training_bar_ = std::make_unique<ProgressBar>(context.state.max_steps, true);
}

void ProgressCallback::on_step_end(CallbackContext& context) {
  if (training_bar_) training_bar_->advance_to(context.state.global_step);
}

void ProgressCallback::on_prediction_step(CallbackContext& context) {
  if (!bars_ || !context.state.is_world_process_zero || context.eval_dataloader_size < 0) return;
  if (!prediction_bar_) prediction_bar_ = std::make_unique<ProgressBar>(context.eval_dataloader_size, !training_bar_);
  prediction_bar_->advance_to(prediction_bar_->n() + 1);
}

void ProgressCallback::on_evaluate(CallbackContext&) { prediction_bar_.reset(); }
void ProgressCallback::on_predict(CallbackContext&) { prediction_bar_.reset(); }

void ProgressCallback::on_log(CallbackContext& context) {
  // As in transformers, a log outside of training is not shown.
  if (context.state.is_world_process_zero && training_) console::print(log_line(*context.logs, true));
}

void ProgressCallback::on_train_end(CallbackContext&) {
  training_ = false;
  training_bar_.reset();
}

}  // namespace trainer
