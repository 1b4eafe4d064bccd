// SPDX-License-Identifier: Apache-2.0
//
// What main.cpp and plugin_options.cpp share of the command line.
#pragma once

#include <CLI/CLI.hpp>

#include "command/options.hpp"

namespace trainer::command {

void add_plugin_dir(CLI::App& app, RunOptions& options);

/// `plugins` and its commands; they set `status`.
void add_plugin_commands(CLI::App& app, RunOptions& options, int& status);

}  // namespace trainer::command
