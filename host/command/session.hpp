// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "command/options.hpp"
#include "run/trace_recorder.hpp"
#include "trainer/run_file.hpp"
#include "trainer/stopwatch.hpp"
#include "trainer/trainer.hpp"

namespace trainer::command {

/// A run file with its data, and the Trainer that is made from them; a resume makes a new one, as a
/// new process would.
class Session {
 public:
  explicit Session(const RunOptions& options);

  const RunFile& run_file() const { return run_; }
  /// Arguments of an action; they replace those before from then on.
  void update_args(const json::object& args);
  /// The trainer, made on the first call and after reset().
  Trainer& trainer();
  double trainer_seconds() const { return since_trainer_.seconds(); }  ///< since trainer() made it
  Trainer* trainer_or_null() { return trainer_.get(); }
  void reset() { trainer_.reset(); }
  std::shared_ptr<Dataset> test_data();
  TraceRecorder* recorder() { return recorder_ ? &*recorder_ : nullptr; }

 private:
  [[noreturn]] void refuse_missing(std::string_view what) const;
  std::shared_ptr<Dataset> load(const std::filesystem::path& path, std::string_view what) const;
  void load_data();

  const RunOptions& options_;
  RunFile run_;
  json::object args_;
  std::optional<TraceRecorder> recorder_;
  bool loaded_ = false;
  std::shared_ptr<Dataset> train_, test_;
  EvalDatasets eval_;
  Stopwatch since_trainer_;
  std::unique_ptr<Trainer> trainer_;
};

}  // namespace trainer::command
