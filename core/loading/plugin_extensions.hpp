// SPDX-License-Identifier: Apache-2.0
//
// The extensions by which an instance is told and asked something between events: outcome, results and files of
// checkpoints.
#pragma once

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/results.h>

#include <string>

#include "trainer/plugin_results.hpp"
#include "trainer/training_outcome.hpp"

namespace trainer {

/// As the contract has it, pointing into `outcome`.
trainer_outcome outcome_for_plugin(const TrainingOutcome& outcome);

/// One result of the callback `plugin` as it goes to people; `where` starts the sentence of the run Error when it
/// cannot. False for a path that does not exist.
bool take_result(const trainer_result& given, const std::string& plugin, const std::string& where,
                 PluginResult& result);

}  // namespace trainer
