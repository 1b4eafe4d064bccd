// SPDX-License-Identifier: Apache-2.0
//
// The model, the loss and the metrics that a run file describes.
#pragma once

#include <memory>

#include "trainer/run_file.hpp"
#include "trainer/trainer_options.hpp"

namespace trainer::command {

/// A built-in model with the default initialisation, drawn from torch's default generator, or an exported one; with the
/// run's loss. One that is not trained has no compiled step.
std::shared_ptr<Model> make_model(const RunFile& run, double label_smoothing_factor, bool trains);

/// Null without metrics.
ComputeMetrics make_run_metrics(const RunFile& run, const Model& model);

}  // namespace trainer::command
