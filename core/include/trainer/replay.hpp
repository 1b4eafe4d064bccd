// SPDX-License-Identifier: Apache-2.0
//
// A finished run, played again through plugins.
#pragma once

#include <filesystem>

#include "trainer/run_file.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer {

struct ReplayOptions {
  TrainingArguments args;  ///< report_to, output_dir, and what the callbacks ask for
  std::vector<RunFile::Callback> callbacks;
  std::vector<std::filesystem::path> plugin_dirs;
  std::vector<std::string> without;  ///< trackers to leave out
  std::vector<std::string> isolate;  ///< plugins and trackers that get a process of their own, by id or name
};

struct ReplayResult {
  struct Stop {
    std::string callback;
    std::int64_t global_step;
    double epoch;
  };
  std::int64_t logs = 0;    ///< entries of log_history that were played
  std::vector<Stop> stops;  ///< the first time that each callback asked to stop the training
  std::vector<std::string> callbacks;
};

/// Plays the log_history of a finished run through plugins, without a model: on_init_end,
/// on_train_begin, on_step_end for each step that logged, on_log and on_evaluate as they were,
/// on_train_end. The best metric is kept as the trainer keeps it. Control flags have no effect, but
/// requests to stop are reported. A tracker that fails gets no more, the others get all, and then it is an Error.
ReplayResult replay(const std::filesystem::path& trainer_state, const ReplayOptions& options);

}  // namespace trainer
