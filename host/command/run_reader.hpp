// SPDX-License-Identifier: Apache-2.0
//
// What the files of a run tell of it, be it of LibTrainer or of Python's Trainer.
#pragma once

#include <filesystem>
#include <string>

#include "report/run.hpp"

namespace trainer::command {

struct ReadRun {
  report::Run run;
  std::filesystem::path state;  ///< the trainer_state.json that was read
};

/// `given`: a trainer_state.json, or a directory: an output_dir, whose own state counts or that of its newest
/// checkpoint, whichever went further, or a checkpoint. What stands beside it adds to the state: training_args.json,
/// config.json, the header of model.safetensors, plugins.lock, plugin_results.json and a page of the run. Errors: no
/// state there, or it is no JSON object.
ReadRun read_run(const std::filesystem::path& given);

}  // namespace trainer::command
