// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "report/run.hpp"

namespace trainer::command {

/// Adds what stands beside a state, in `beside`, or in the run's output_dir, `home`: arguments, the model's
/// configuration and tensors, plugins, where their results are, and what a page among these kept. A file that is
/// missing or no such file adds nothing.
void read_files(report::Run& run, const std::filesystem::path& beside, const std::filesystem::path& home);

}  // namespace trainer::command
