// SPDX-License-Identifier: Apache-2.0
//
// Trackio's inbox: <TRACKIO_DIR>/inbox/<writer>/%08d.jsonl. A fragment appears whole, and whoever
// opens the dashboard imports it and removes it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace trainer::trackio {

/// `configured`, else trackio below $HF_HOME, $XDG_CACHE_HOME/huggingface or ~/.cache/huggingface.
std::filesystem::path data_directory(const std::string& configured);

class Inbox {
 public:
  /// Makes nothing yet. Names of writers sort by time, and so do fragments that nobody imported yet.
  explicit Inbox(const std::filesystem::path& data_directory);

  /// One fragment, on disk under its name when it returns, though not yet flushed. Throws
  /// sdk::FileError. Gives its path.
  std::filesystem::path write(std::string_view lines);

  const std::filesystem::path& directory() const { return directory_; }

 private:
  std::filesystem::path directory_;
  std::uint64_t next_ = 0;
};

}  // namespace trainer::trackio
