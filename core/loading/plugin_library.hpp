// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/plugin.h>

#include <memory>
#include <string>

#include "trainer/plugin_registry.hpp"

namespace trainer {

/// Whether require_trial_load() (trial_load.hpp) is asked first.
enum class TrialLoad { required, done };

/// A plugin in memory. It stays there until the process ends, also when this object goes: threads
/// that it started, and destructors that it registered, would else run code that is gone.
class PluginLibrary {
 public:
  /// Copies the file, and the libraries that it brings along, to where nobody can change them, checks and loads
  /// these, with every symbol bound now and none given to others, and checks that what the code says agrees
  /// with the note. Its static
  /// constructors run here, once for the same bytes; of a file with digests, only if they are its. Else a usage Error;
  /// a constructor that throws or crashes ends the process, which only TrialLoad::required can find out before.
  static std::shared_ptr<PluginLibrary> load(const PluginFile& file, TrialLoad trial = TrialLoad::required);

  /// The file as it is now, checked as load() checks it, with the digests of what would be loaded. None of its code
  /// runs.
  static PluginFile check(const PluginFile& file);

  /// One that is compiled into the program, which keeps the table as it is from now on. Its note is checked as that of
  /// a file.
  static std::shared_ptr<PluginLibrary> of_program(const trainer_plugin& table);

  const PluginFile& file() const { return file_; }

  /// A copy of the plugin's table in this host's layout: a field that the plugin is too old to have
  /// is null here. `create` is never null.
  const trainer_plugin& table() const { return table_; }

  /// The plugin's side of an optional feature (ext/*.h), or null.
  const void* extension(const char* id) const;

 private:
  PluginLibrary(const PluginFile& file, const trainer_plugin& table) : file_(file), table_(table) {}

  PluginFile file_;
  trainer_plugin table_;
};

}  // namespace trainer
