// SPDX-License-Identifier: Apache-2.0
//
// Where the results of plugins are: what they say themselves (plugin_api's ext/results.h), and the file of an
// output_dir that keeps it.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace trainer {

struct PluginResult {
  std::string plugin;  ///< its name in the run
  std::string label;   ///< "event files"
  std::string place;   ///< a URL, or a path; empty when there is only a command
  std::string view;    ///< a command in which "{place}" stands for the place; may be empty
};

/// Whether a place is a URL; else it is a path.
bool is_url(const std::string& place);

/// Keeps them in output_dir/plugin_results.json, paths below output_dir relative to it. Without results there is no
/// file. A file that cannot be written is a warning.
void keep_plugin_results(const std::filesystem::path& output_dir, const std::vector<PluginResult>& results);

/// Those that were kept, with paths as they are now, but for files and directories that are gone. Nothing where there
/// is no such file, or a damaged one.
std::vector<PluginResult> kept_plugin_results(const std::filesystem::path& output_dir);

}  // namespace trainer
