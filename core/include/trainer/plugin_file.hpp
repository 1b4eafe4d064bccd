// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "trainer/plugin_note.hpp"

namespace trainer {

/// A plugin as it lies on the disk: checked from outside, none of its code has run. Or one that is compiled into the
/// program, which has no path.
struct PluginFile {
  std::filesystem::path path;  ///< absolute; empty: of the program
  PluginNote note;
  std::string sha256{};                            ///< of the bytes that were loaded; empty before
  std::map<std::string, std::string> libraries{};  ///< that it brought along: SHA-256 by file name

  std::string place() const { return path.empty() ? "this program" : path.string(); }  ///< for sentences
};

/// Reads one file without running it; a usage Error when it is not a plugin for this host, or when
/// another user could have written it and TRAINER_PLUGIN_TRUST is not "any".
PluginFile read_plugin_file(const std::filesystem::path& path);

}  // namespace trainer
