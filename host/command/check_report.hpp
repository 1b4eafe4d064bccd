// SPDX-License-Identifier: Apache-2.0
//
// The parts of what `trainer check` prints, a few lines each.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "command/session.hpp"
#include "trainer/training_plan.hpp"

namespace trainer::command {

/// A name and what there is to say of it; another line of the same has no name.
using CheckLines = std::vector<std::pair<std::string, std::string>>;

CheckLines check_model(Trainer& trainer, const RunFile& run);
CheckLines check_data(const Session& session);
/// A batch of each set goes through the model, which shows whether they fit, and what memory one takes.
CheckLines check_batches(Trainer& trainer, const Session& session);
/// What an evaluation gives, tried with a batch of each set; an Error when metric_for_best_model is not among it.
CheckLines check_evaluation(Trainer& trainer, const Session& session);
CheckLines check_length(const TrainingPlan& plan, const TrainingArguments& args, int world);
CheckLines check_schedule(Trainer& trainer, const TrainingPlan& plan);
CheckLines check_files(const Trainer& trainer, const TrainingPlan& plan);
/// Those that are in, in order, and the trackers that are not, each with why.
CheckLines check_callbacks(const Trainer& trainer, const RunFile& run, const RunOptions& options);

/// "12.3 MB"; powers of 1000.
std::string bytes_text(double bytes);

}  // namespace trainer::command
