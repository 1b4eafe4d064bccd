// SPDX-License-Identifier: Apache-2.0
//
// What a plugin's process may do, asked of the operating system by itself before it loads the plugin.
#pragma once

#include <string>
#include <vector>

#include "isolation/server_options.hpp"

namespace trainer::isolation {

/// First of all, before there is a second thread: takes away what the process has no business with, and sets the
/// limits. Sentences for the log of what could not be had here. On POSIX it comes back in a child of this process,
/// which stays to end what the plugin starts, and ends as the child does.
std::vector<std::string> confine(const ServerOptions& options);

/// From now on what the plugin prints is for nobody, and does it no harm: the trainer is gone.
void let_nobody_read();

/// Ends this process at once, and what it started.
[[noreturn]] void end_everything();

}  // namespace trainer::isolation
