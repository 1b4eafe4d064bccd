// SPDX-License-Identifier: Apache-2.0
//
// The DVC repository around a run: the experiment that is saved at its end, and the signal files for
// DVC's extension of VS Code. DVC itself is run as a child process.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace trainer::dvclive {

struct ExperimentOptions {
  bool save = true;
  std::string name, message;  ///< empty: DVC's choice
};

/// The nearest directory from `start` upwards that has an entry `name`; empty when none has.
std::filesystem::path find_above(const std::filesystem::path& start, const char* name);

/// Python's env2bool(): a value with 1, y, yes or true in it.
bool truthy(const std::string& value);

class Experiment {
 public:
  using Say = std::function<void(const std::string&)>;

  /// Looks at the current directory and DVC_ROOT, DVC_EXP_BASELINE_REV.
  Experiment(ExperimentOptions options, Say info, Say warn);
  ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  void started();
  /// `dvc add`: puts a file or directory into DVC's cache, with a .dvc file beside it that stands for it;
  /// waits an hour at most. Outside of a repository, and when it fails, a warning. False then.
  bool add(const std::filesystem::path& path);
  void step_completed(std::int64_t step);
  /// Saves it, or adds the files to Git within `dvc exp run`; waits two minutes at most. Failures are
  /// warnings.
  void ended(const std::filesystem::path& directory, const std::filesystem::path& dvc_yaml);

 private:
  void save(const std::filesystem::path& directory, const std::filesystem::path& dvc_yaml);
  bool has_dvc();
  std::string free_name();
  bool run(const char* lost, const std::vector<std::string>& command,
           std::chrono::minutes limit = std::chrono::minutes(2));
  void signal(const char* file, const std::string& json);
  void remove_signals();

  ExperimentOptions options_;
  Say info_, warn_;
  std::filesystem::path git_root_, dvc_root_, signals_;
  std::vector<std::string> untracked_;  // files of DVC that belong to the experiment
  bool in_pipeline_ = false, in_experiment_ = false, saved_ = false;
};

}  // namespace trainer::dvclive
