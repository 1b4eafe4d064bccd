// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "discovery/library_file.hpp"
#include "loading/private_copy.hpp"

namespace trainer {

/// A plugin's file and the libraries that it brings along, each as a private copy. It brings along what its run path
/// finds, or that of such a library: beside it ($ORIGIN) or anywhere else, but for the system's own directories and
/// for what this program has loaded by that name itself.
class PluginParts {
 public:
  /// Reads all of them, and checks the libraries as a plugin is checked (check_library_file()); none is loaded.
  explicit PluginParts(const std::filesystem::path& file);

  const PrivateCopy& copy() const { return *copy_; }       ///< of the plugin
  const LibraryFile& library() const { return library_; }  ///< of the plugin

  std::map<std::string, std::string> libraries() const;  ///< SHA-256 by file name
  std::string digest() const;                            ///< of all bytes: the plugin's SHA-256 when it is alone

  /// Loads the libraries and then the plugin, for ever.
  void* load() const;

 private:
  struct Library {
    std::string needed, name;  // as it is needed, and as the loader looks for it: with $ORIGIN filled in
    std::filesystem::path path;
    std::shared_ptr<PrivateCopy> copy;  // null when a plugin before brought the same
    std::string soname, sha256;
  };
  struct Needing;

  static std::filesystem::path find(const std::string& name, const Needing& by);
  void collect(const Needing& by);
  void add(const std::string& name, const std::filesystem::path& path, const Needing& by);

  std::filesystem::path file_;
  std::shared_ptr<PrivateCopy> copy_;
  LibraryFile library_;
  std::set<std::string> seen_;
  std::vector<Library> libraries_;   // each after those that it needs
  std::vector<std::string> others_;  // names that are left to the loader
};

}  // namespace trainer
