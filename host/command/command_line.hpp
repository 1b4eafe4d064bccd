// SPDX-License-Identifier: Apache-2.0
//
// What main.cpp and plugin_options.cpp share of the command line.
#pragma once

#include <CLI/CLI.hpp>

#include "command/options.hpp"

namespace trainer::command {

void add_plugin_dir(CLI::App& app, RunOptions& options);

/// What a run takes that trains, evaluates, predicts or is replayed.
void add_common_options(CLI::App& app, RunOptions& options);
void add_run_options(CLI::App& app, RunOptions& options);  ///< that, and the run file
void add_resume(CLI::App& app, RunOptions& options);

/// `report` and `show`; they set `status`.
void add_report_commands(CLI::App& app, int& status);

/// `--help` of one screen: training arguments are in `--help-all`, by their groups.
void use_short_help(CLI::App& app);

/// A script that completes the command line of `app`, for bash, zsh or fish.
std::string completion_script(const CLI::App& app, const std::string& shell);

/// `plugins` and its commands; they set `status`.
void add_plugin_commands(CLI::App& app, RunOptions& options, int& status);

}  // namespace trainer::command
