// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "trainer/callback_entry.hpp"

namespace trainer {

/// Decides when to log, evaluate, save and stop, from the arguments; always the first callback.
/// DefaultFlowCallback of transformers' trainer_callback.py.
class DefaultFlowCallback : public TrainerCallback {
 public:
  void on_step_end(const Args&, const State&, Control&) override;
  void on_epoch_end(const Args&, const State&, Control&) override;
};

/// Prints each log as a line on stdout. PrinterCallback of transformers; used with args.disable_tqdm.
class PrinterCallback : public TrainerCallback {
 public:
  explicit PrinterCallback(bool quiet = false) : quiet_(quiet) {}  ///< quiet: prints nothing
  void on_log(const Args&, const State&, Control&, json::object& logs) override;

 private:
  bool quiet_;
};

/// Bars on stderr when that is a terminal, and each log as a line on stdout. ProgressCallback of
/// transformers.
std::shared_ptr<CallbackEntry> make_progress_entry();

/// A log as Progress and Printer write it: Python's text of the dict, floats as quoted %.4g,
/// strings longer than 100 bytes replaced by a remark when `cut_strings`; without `total_flos`.
std::string log_line(const json::object& logs, bool cut_strings);

}  // namespace trainer
