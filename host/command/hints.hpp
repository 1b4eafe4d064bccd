// SPDX-License-Identifier: Apache-2.0
//
// What in a run is allowed, and hardly what somebody wants.
#pragma once

#include <string>
#include <vector>

#include "trainer/trainer.hpp"
#include "trainer/training_plan.hpp"

namespace trainer::command {

/// Of a run that is still to come.
std::vector<std::string> hints_before(const Trainer& trainer, const TrainingPlan& plan);
/// Of one that ended.
std::vector<std::string> hints_after(const Trainer& trainer);

}  // namespace trainer::command
