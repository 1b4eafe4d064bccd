// SPDX-License-Identifier: Apache-2.0
//
// What an evaluation of a run will log, known before the run.
#pragma once

#include <string>
#include <vector>

#include "command/session.hpp"

namespace trainer::command {

/// The numbers' names, "eval_loss", "eval_f1_macro" ...; those of each set by name. `with_loss`: the model gives one.
std::vector<std::string> evaluation_names(const Session& session, const TrainingArguments& args, bool with_loss = true);

/// The names of its tables: "eval_confusion_matrix".
std::vector<std::string> evaluation_tables(const Session& session, const TrainingArguments& args);

/// An Error when the run will look for a metric_for_best_model that is not among `names`. A callback of the run's own
/// may add it, so none is thrown then.
void require_watched_metric(const Session& session, const TrainingArguments& args,
                            const std::vector<std::string>& names);

}  // namespace trainer::command
