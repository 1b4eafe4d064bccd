// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

/// Who crashed: a plugin that takes the process with it is named on stderr and in crash.json in the
/// run's output_dir, and the next start from a checkpoint says so.
namespace trainer::crash_report {

/// Installs handlers, on a stack of their own, for SIGSEGV, SIGBUS, SIGFPE, SIGILL and SIGABRT, and for
/// exit() within a callback, which ends with status 70 then. Call it on the thread that trains, before
/// anything crashes: the command does. After the report, the process dies as it would have.
void install();

/// Where crash.json goes from now on; nowhere before the first call, or when the path is very long.
void set_directory(const std::filesystem::path& output_dir);

/// A sentence about the run that crashed in this directory, and how to leave the plugin out; empty when
/// none did. Removes the report.
std::string take(const std::filesystem::path& output_dir);

}  // namespace trainer::crash_report
