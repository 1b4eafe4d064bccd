// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "formats/digest.hpp"

namespace trainer {

/// Which run it is, over all its resumes. A checkpoint is deleted, and taken for the best one, by its own run only.
struct RunIdentity {
  std::string id;
  /// Of a run that was resumed from a checkpoint without identity, as transformers writes them: those up to this step
  /// are the run's, too. -1: none.
  std::int64_t unnamed_until = -1;
  /// Of the checkpoints written since the training was started or resumed: one of the same run with a later step may be
  /// from before it was resumed at an earlier one.
  std::set<std::int64_t> written;

  static RunIdentity make();
  /// Whether the directory is a checkpoint of this run.
  bool owns(const std::filesystem::path& checkpoint) const;
};

/// `checkpoint.json`: whose the files beside it are, and their sizes and digests. It has one of itself, too.
struct CheckpointManifest {
  struct File {
    std::uint64_t bytes;
    std::string digest;
  };
  RunIdentity run;
  std::map<std::string, File> files;  ///< by name, those of plugins by "plugins/ID/NAME"

  void add(const std::string& name, const Digest& digest) { files[name] = {digest.bytes(), digest.hex()}; }
  void add(const std::string& name, std::string_view bytes);  ///< of a text in memory
  /// Of all files below directory/NAME, if it is there, as "NAME/a/b".
  void add_below(const std::filesystem::path& directory, const std::string& name);
  void save(const std::filesystem::path& directory) const;
  /// Nothing where there is none; an Error when it is damaged.
  static std::optional<CheckpointManifest> load(const std::filesystem::path& directory);

  /// An Error when the file of this name is not the one that was written. One that is not listed is not looked at.
  void check(const std::filesystem::path& directory, const std::string& name) const;
  void check_all(const std::filesystem::path& directory) const;
};

}  // namespace trainer
