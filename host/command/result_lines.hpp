// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "report/run.hpp"
#include "trainer/plugin_results.hpp"

namespace trainer::command {

/// As people get to read them: a page as a URL that a terminal opens, and commands with the place in them.
std::vector<report::Result> readable(const std::vector<PluginResult>& results);

/// A line each for the place and for the command.
/// @param print takes the line's name and its text
template <typename Print>
void print_results(const std::vector<report::Result>& results, Print&& print) {
  for (const report::Result& one : results) {
    if (!one.place.empty()) print(one.label, one.place);
    if (!one.view.empty()) print(one.place.empty() ? one.label : "look at it", one.view);
  }
}

/// Those that are pages.
std::vector<std::filesystem::path> pages_of(const std::vector<PluginResult>& results);

}  // namespace trainer::command
