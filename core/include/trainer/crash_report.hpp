// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

/// Who crashed: a plugin that takes the process with it, in whatever it was asked for, is named on stderr and in
/// crash.json in the run's output_dir, and the next start there says so. One that leaves no time for that, as
/// with SIGKILL, is known to the next start from `.training.moments` beside it, which a clean end removes.
namespace trainer::crash_report {

/// Installs handlers, on a stack of their own, for SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT and others that end a
/// process, and for exit() within a callback, which ends with status 70 then. Call it on the thread that trains,
/// before anything crashes: the command does. After the report, the process dies as it would have.
void install();

/// For a program that stands in for exit() and its like, as the command does. Ends it with status 70 when a callback
/// calls `function` in what it is asked for.
void seen_exit(std::string_view function);
/// The same; and when it was no callback's call, it is told, and the status is 70 instead of 0. `caller`: an address of
/// the code that calls it.
void seen_foreign_exit(std::string_view function, int status, const void* caller);

/// Ends the process at once; neither of these sees it.
[[noreturn]] void end_process(int status);

/// The program is about to end: what happens from now on is the doing of a plugin's exit handlers, and told as that.
void expect_end();

/// Where crash.json goes from now on; nowhere before the first call, or when the path is very long.
void set_directory(const std::filesystem::path& output_dir);

/// A sentence about the run that crashed in this directory, and how to leave the plugin out; empty when
/// none did. Removes the report.
std::string take(const std::filesystem::path& output_dir);

}  // namespace trainer::crash_report
