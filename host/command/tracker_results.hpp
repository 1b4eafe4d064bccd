// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trainer/callback_handler.hpp"

namespace trainer::command {

/// A line of the summary: where a tracker's results are, or what shows them.
struct TrackerResult {
  std::string name, text;
};

/// The one place that knows single plugins by name, until a tracker can say it itself.
std::vector<TrackerResult> tracker_results(const std::vector<std::shared_ptr<CallbackEntry>>& callbacks,
                                           const std::filesystem::path& output_dir);

}  // namespace trainer::command
