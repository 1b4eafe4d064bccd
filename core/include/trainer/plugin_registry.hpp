// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "trainer/error_ids.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer {

struct PluginName;

/// Where plugins are looked for, in this order: `from_command_line` (--plugin-dir; a usage Error
/// for one that is not a directory), TRAINER_PLUGIN_PATH, the user's data directory, the place
/// where the library or program is installed, and the build tree that the program is in. Absolute;
/// the ones that do not exist are listed too, for the sentence that says where was looked.
std::vector<std::filesystem::path> plugin_directories(const std::vector<std::filesystem::path>& from_command_line);

/// The plugins of some directories. Read once, when it is made; a broken file is a warning in the
/// log until somebody asks for it.
class PluginRegistry {
 public:
  struct Problem {
    std::filesystem::path path;
    std::string sentence;
    ErrorId id;
  };
  struct Duplicate {
    PluginFile file;             ///< left out, because
    std::filesystem::path used;  ///< this one of the same id was found first
  };

  explicit PluginRegistry(const std::vector<std::filesystem::path>& directories);

  /// In the order in which they are found: by directory, then by file name.
  const std::vector<PluginFile>& plugins() const { return plugins_; }
  const std::vector<Problem>& problems() const { return problems_; }
  const std::vector<Duplicate>& duplicates() const { return duplicates_; }

  const PluginFile* find(std::string_view id) const;  ///< null when there is none

  /// The plugin of a name such as "monitor" or "monitor@>=1.2": of the files of that id the first whose version is
  /// taken; those before it are named in the log. Else a usage Error with the versions that there are, with what is
  /// wrong with files of that id, or with the nearest id, those available and the directories. `where` says who asks:
  /// "run.json: callbacks[0]".
  const PluginFile& require(std::string_view name, std::string_view where) const;

  /// The same of a tracker by its report_to name, of those that are not left out; null when there is none of that name.
  const PluginFile* require_tracker(std::string_view name, std::string_view where) const;

  /// Files of which nothing can be used, though they say that they are this plugin or tracker.
  std::vector<Problem> problems_of(std::string_view name) const;

  /// Plugins by id, and trackers by their report_to name, that no run gets though it names them. A name without a
  /// plugin is a usage Error, as of a plugin that one wants to be rid of a slip of the pen would bring it back.
  void leave_out(std::vector<std::string> names);
  bool leaves_out(std::string_view name) const;

  /// The same of those that get a process of their own.
  void isolate(std::vector<std::string> names);
  bool isolates(std::string_view name) const;

  std::vector<const PluginFile*> trackers() const;  ///< those with a report_to name, and not left out
  std::string places() const;                       ///< the directories, for a sentence

 private:
  void scan(const std::filesystem::path& directory);
  void add(const std::filesystem::path& path);
  std::vector<const PluginFile*> files_of(const PluginFile& first) const;
  const PluginFile& first_taken(const std::vector<const PluginFile*>& files, const PluginName& wanted,
                                const std::string& asked) const;
  void require_no_problem(const std::string& name, const std::string& asked) const;
  void require_known(const std::vector<std::string>& names, const std::string& option) const;

  std::vector<std::filesystem::path> directories_;
  std::vector<PluginFile> plugins_;
  std::vector<Problem> problems_;
  std::vector<Duplicate> duplicates_;
  std::vector<std::string> left_out_, isolated_;
};

}  // namespace trainer
