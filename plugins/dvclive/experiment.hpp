// SPDX-License-Identifier: Apache-2.0
//
// The DVC repository around a run: the experiment that is saved at its end, and the signal files for
// DVC's extension of VS Code. DVC itself is run as a child process.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

namespace trainer::dvclive {

struct ExperimentOptions {
  bool save = true;
  std::string name, message;  ///< empty: DVC's choice
};

/// The nearest directory from `start` upwards that has an entry `name`; empty when none has.
std::filesystem::path find_above(const std::filesystem::path& start, const char* name);

/// Python's env2bool(): a value with 1, y, yes or true in it.
bool truthy(const char* value);

class Experiment {
 public:
  using Say = std::function<void(const std::string&)>;

  /// Looks at the current directory and DVC_ROOT, DVC_EXP_BASELINE_REV, DVC_EXP_NAME.
  Experiment(ExperimentOptions options, Say info, Say warn);
  ~Experiment();
  Experiment(const Experiment&) = delete;
  Experiment& operator=(const Experiment&) = delete;

  void started();
  void step_completed(std::int64_t step);
  /// Saves it, or adds the files to Git within `dvc exp run`; waits two minutes at most. Failures are
  /// warnings.
  void ended(const std::filesystem::path& directory, const std::filesystem::path& dvc_yaml);

 private:
  void save(const std::filesystem::path& directory, const std::filesystem::path& dvc_yaml);
  std::string free_name();
  bool run(std::initializer_list<std::string> command);
  bool run(const std::vector<std::string>& command);
  void signal(const char* file, const std::string& json);
  void remove_signals();

  ExperimentOptions options_;
  Say info_, warn_;
  std::filesystem::path git_root_, dvc_root_, signals_;
  bool in_pipeline_ = false, in_experiment_ = false, saved_ = false;
};

}  // namespace trainer::dvclive
