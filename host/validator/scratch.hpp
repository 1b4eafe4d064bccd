// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace trainer::validator {

/// A new directory of this process's own; a run Error when it cannot be made.
std::filesystem::path make_scratch_directory();

/// The environment of a worker, "NAME=value" each: nothing of the user's, no tracker is configured, no home is written
/// to but `scratch`, no proxy leads anywhere.
std::vector<std::string> worker_environment(const std::string& scratch);

}  // namespace trainer::validator
