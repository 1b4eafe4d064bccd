// SPDX-License-Identifier: Apache-2.0
//
// The check of a plugin's file, for the code that has read it already; trainer/plugin_file.hpp reads and checks.
#pragma once

#include <filesystem>

#include "trainer/error.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer {

struct LibraryFile;

/// A shared library without a note, such as one that a plugin brought along: no plugin, and no mistake either.
struct NotAPlugin : Error {
  using Error::Error;
};

/// What read_plugin_file() checks, for a file that was read already; `distrust` as InputFile says it.
PluginFile check_plugin_file(const std::filesystem::path& path, const LibraryFile& library,
                             const std::string& distrust);

/// What is asked of a library that a plugin brings along, as of the plugin: who may write it, and what it needs.
void check_library_file(const std::filesystem::path& path, const LibraryFile& library, const std::string& distrust);

}  // namespace trainer
