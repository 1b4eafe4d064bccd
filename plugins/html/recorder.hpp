// SPDX-License-Identifier: Apache-2.0
//
// Fills a report's run with what a plugin is told.
#pragma once

#include <trainer/sdk.hpp>

#include "report/run.hpp"

namespace trainer::html {

/// Arguments, model and parameters, which do not change in a training. Only during an event.
void record_setting(report::Run& run, const sdk::Host& host);

/// Where the run stands.
void record_state(report::Run& run, const sdk::State& state);

/// A log: its numbers become points, the rest texts.
void record_log(report::Run& run, std::int64_t step, double epoch, const sdk::Map& logs);

/// The history of a run that is resumed.
void record_history(report::Run& run, const sdk::Host& host, std::int64_t last_step);

}  // namespace trainer::html
