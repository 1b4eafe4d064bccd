// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <exception>

#include <memory>

#include "base/directory_lock.hpp"
#include "command/options.hpp"
#include "command/run_datasets.hpp"
#include "ranks/process_group.hpp"
#include "run/trace_recorder.hpp"
#include "trainer/run_file.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/trainer.hpp"

namespace trainer::command {

/// A run file with its data, and the Trainer that is made from them; a resume makes a new one, as a
/// new process would.
class Session {
 public:
  /// Without `actions` those of the file. Their data is opened, and no other.
  explicit Session(const RunOptions& options, std::optional<std::vector<RunFile::Action>> actions = {});

  const std::vector<RunFile::Action>& actions() const { return actions_; }
  bool has_file_actions() const { return below_output_dir_; }  ///< those are the run file's own
  const RunFile& run_file() const { return run_; }
  TrainingArguments args() const;  ///< of the file and the command line
  /// The run file that makes this session anywhere: with the command line's values, all arguments, and absolute paths.
  json::object resolved() const;
  /// Arguments of an action; they replace those before from then on.
  void update_args(const json::object& args);
  /// The trainer, made on the first call and after reset().
  Trainer& trainer();
  double trainer_seconds() const { return since_trainer_.seconds(); }  ///< since trainer() made it
  Trainer* trainer_or_null() { return trainer_.get(); }
  void reset() { trainer_.reset(); }
  /// Empty for the newest; the file's actions name one below output_dir.
  std::filesystem::path resume_path(const RunFile::Action& action, const std::filesystem::path& output_dir) const;
  const RunDatasets& data() const { return data_; }
  ProcessGroup& group() { return *group_; }
  bool is_rank_0() const { return group_->rank() == 0; }
  /// What the command reads, and must not write.
  std::vector<std::filesystem::path> inputs() const;
  TraceRecorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }

 private:
  void require_same_run_file();
  void require_same_test_data();
  void go_on_after_restart();
  std::optional<CsvColumns> kept_columns(const std::filesystem::path& output_dir);

  const RunOptions& options_;
  RunFile run_;
  bool below_output_dir_;
  std::vector<RunFile::Action> actions_;
  json::object args_;
  std::shared_ptr<ProcessGroup> group_;
  /// The other ranks are told when an exception ends this one.
  struct TellEnd {
    ProcessGroup& group;
    int before = std::uncaught_exceptions();
    ~TellEnd() {
      if (std::uncaught_exceptions() > before) group.tell_end();
    }
  } const tell_end_{*group_};
  std::optional<TraceRecorder> recorder_;
  std::shared_ptr<DirectoryLock> lock_;  ///< from the choice of a checkpoint on, where the session makes it
  bool loaded_ = false;
  RunDatasets data_;
  Stopwatch since_trainer_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace trainer::command
