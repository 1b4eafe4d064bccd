// SPDX-License-Identifier: Apache-2.0
//
// A run's .wandb file: the records of W&B's wandb_internal.proto. Each is in the file when its
// function returns, so that a killed run loses nothing.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "artifact.hpp"
#include "settings.hpp"
#include "shared/json_tree/json_tree.hpp"
#include "shared/protobuf/protobuf.hpp"
#include "shared/record_file/record_file.hpp"

namespace trainer::wandb {

inline constexpr std::string_view file_header{":W&B\xe1\xbe\0", 7};  // magic, and version 0
inline constexpr unsigned record_history = 2;                        // of wandb_internal.Record

/// Keys and JSON values as history and summary keep them (HistoryItem and SummaryItem have the same
/// fields), or as system rows do.
class Items {
 public:
  void add(std::string_view key, std::string_view json);
  void add(std::string_view key, std::string_view leaf, std::string_view json);  ///< of an object
  void append(const Items& more) { bytes_ += more.bytes_; }
  void add_stat(std::string_view key, double value);
  void clear() { bytes_.clear(); }
  const std::string& bytes() const { return bytes_; }

 private:
  std::string bytes_;
};

/// Any thread. What cannot be written throws sdk::FileError.
class WandbFile {
 public:
  explicit WandbFile(const std::filesystem::path& path);

  void run(const Settings& settings, std::int64_t start, std::int64_t starting_step, bool resumed);
  void environment(std::int64_t started);
  void telemetry();
  void config(const plugins::JsonTree& values);
  void metric(std::string_view name, std::string_view glob, std::string_view step_metric);
  /// A row of the history, and the summary that it changes.
  void history(std::int64_t step, const Items& row, const Items& summary);
  void summary(std::string_view key, std::string_view json);
  void artifact(const Settings& settings, const Artifact& artifact);
  void stats(std::int64_t time, const Items& row);
  void output(bool is_stdout, std::int64_t time, std::string_view line);
  void exit(int code, std::int64_t seconds);
  void flush();
  void close();

 private:
  template <typename Fill>
  void append(Fill&& fill);

  std::mutex mutex_;
  plugins::RecordFile file_;
  std::int64_t number_ = 0;
  std::string record_, second_;  // keep their memory
};

}  // namespace trainer::wandb
