// SPDX-License-Identifier: Apache-2.0
//
// The callbacks that come with the library, as transformers' trainer_callback.py has them: types that can be added,
// popped and removed like one's own.
#pragma once

#include <memory>
#include <string>

#include "trainer/number.hpp"
#include "trainer/trainer_callback.hpp"

namespace trainer {

class ProgressBar;

/// Decides when to log, evaluate, save and stop, from the arguments; a Trainer's first callback.
class DefaultFlowCallback : public TrainerCallback {
 public:
  void on_step_end(CallbackContext&) override;
  void on_epoch_end(CallbackContext&) override;
};

/// Prints each log as a line on stdout; in each Trainer with args.disable_tqdm.
class PrinterCallback : public TrainerCallback {
 public:
  explicit PrinterCallback(bool quiet = false) : quiet_(quiet) {}  ///< quiet: prints nothing
  void on_log(CallbackContext&) override;

 private:
  bool quiet_;
};

/// Bars on stderr when that is a terminal, and each log as a line on stdout; in each Trainer without args.disable_tqdm.
class ProgressCallback : public TrainerCallback {
 public:
  ProgressCallback();
  ~ProgressCallback() override;
  void on_train_begin(CallbackContext&) override;
  void on_step_end(CallbackContext&) override;
  void on_prediction_step(CallbackContext&) override;
  void on_evaluate(CallbackContext&) override;
  void on_predict(CallbackContext&) override;
  void on_log(CallbackContext&) override;
  void on_train_end(CallbackContext&) override;

 private:
  bool bars_, training_ = false;
  std::unique_ptr<ProgressBar> training_bar_, prediction_bar_;
};

/// Ends the training when args.metric_for_best_model has not improved by more than the threshold for `patience`
/// evaluations; needs evaluations and that argument. The plugin early_stopping does the same.
class EarlyStoppingCallback : public TrainerCallback, public ExportableState {
 public:
  explicit EarlyStoppingCallback(std::int64_t early_stopping_patience = 1, Number early_stopping_threshold = 0.0)
      : early_stopping_patience_(early_stopping_patience), early_stopping_threshold_(early_stopping_threshold) {}
  void on_train_begin(CallbackContext&) override;
  void on_evaluate(CallbackContext&) override;
  json::object state() const override;
  void load_state(const json::object& state) override;

 private:
  std::int64_t early_stopping_patience_;
  Number early_stopping_threshold_;
  std::int64_t early_stopping_patience_counter_ = 0;
};

/// A log as Progress and Printer write it: Python's text of the dict, floats as quoted %.4g,
/// strings longer than 100 bytes replaced by a remark when `cut_strings`; without `total_flos`.
std::string log_line(const json::object& logs, bool cut_strings);

}  // namespace trainer
