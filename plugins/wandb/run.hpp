// SPDX-License-Identifier: Apache-2.0
//
// One run of W&B: its directory, its .wandb file, and the thread that adds system rows.
#pragma once

#include <condition_variable>
#include <optional>
#include <thread>
#include <trainer/sdk/file.hpp>

#include "wandb_file.hpp"

namespace trainer::wandb {

class Run {
 public:
  /// Makes <directory>/offline-run-<time>-<id>/; fills in the id.
  explicit Run(Settings settings);
  ~Run();  ///< without finish() the file has no exit record, and readers take the run for crashed

  /// Continues behind the last row of this run's earlier files; the step of the first row.
  std::int64_t starting_step() const { return starting_step_; }
  const std::filesystem::path& directory() const { return directory_; }
  const Settings& settings() const { return settings_; }
  WandbFile& file() { return *file_; }
  double seconds() const;  ///< since the run began

  void start_stats();
  /// A line that the run printed. Never throws: a console that cannot be kept is let go.
  void console(bool is_stdout, std::string_view line) noexcept;
  /// Throws sdk::FileError when what was written is not on the disk after all; finish() does, too.
  void flush();
  void finish(int exit_code);

 private:
  void stats_thread();

  Settings settings_;
  std::int64_t start_, starting_step_ = 0;
  std::filesystem::path directory_;
  std::optional<WandbFile> file_;
  sdk::AppendFile output_;
  std::string line_;
  bool console_broken_ = false;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stop_ = false;
  std::thread thread_;
};

}  // namespace trainer::wandb
