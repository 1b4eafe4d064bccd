// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "trainer/class_names.hpp"
#include "trainer/trainer.hpp"

namespace trainer::command {

/// Adds to the pages of the run that plugins drew (report/page.hpp) what no plugin is told: the time of each callback,
/// how long the training waited for data, and what the classes are called.
void add_costs_to_report(const Trainer& trainer, const ClassNames& classes);

}  // namespace trainer::command
