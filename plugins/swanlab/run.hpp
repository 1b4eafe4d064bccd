// SPDX-License-Identifier: Apache-2.0
//
// One run of SwanLab: its directory and its .swanlab file (record.proto of SwanLab 0.10, file
// version 2). Each record is in the file when its function returns.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "settings.hpp"
#include "shared/json_tree/json_tree.hpp"
#include "shared/protobuf/protobuf.hpp"
#include "shared/record_file/record_file.hpp"

namespace trainer::swanlab {

class Run {
 public:
  /// Makes <directory>/run-<time>-<id>/; fills in id and name.
  explicit Run(Settings settings);

  const std::filesystem::path& directory() const { return directory_; }
  const Settings& settings() const { return settings_; }

  void config(const plugins::JsonTree& config);
  /// The first value of a key at a step; SwanLab drops later ones.
  void scalar(const std::string& key, std::int64_t step, std::int64_t time, double value);
  /// A line that the run printed. Never throws: a console that cannot be kept is let go.
  void console(std::string_view line) noexcept;
  /// Throws sdk::FileError when what was written is not on the disk after all; finish() does, too.
  void flush();
  /// Why it crashed; empty when it did not.
  void finish(const std::string& crash);

 private:
  template <typename Fill>
  void append(std::int64_t number, Fill&& fill);

  Settings settings_;
  std::filesystem::path directory_;
  std::mutex mutex_;
  std::optional<plugins::RecordFile> file_;
  std::string record_;
  std::int64_t number_ = 0, lines_ = 0;
  std::map<std::string, std::set<std::int64_t>> steps_;  // of each key
  bool console_broken_ = false;
};

}  // namespace trainer::swanlab
