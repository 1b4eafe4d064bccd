// SPDX-License-Identifier: Apache-2.0
//
// The files of dvclive.Live (3.49.1): <dir>/metrics.json, <dir>/params.yaml,
// <dir>/plots/metrics/**.tsv and dvc.yaml. They are whole at any moment.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "metric.hpp"
#include "summary.hpp"

namespace trainer::dvclive {

using Warn = std::function<void(const std::string&)>;

class Live {
 public:
  /// An empty `dvc_yaml` means that none is written.
  Live(std::filesystem::path directory, std::filesystem::path dvc_yaml, Warn warn);

  /// Removes what an earlier run left of these files.
  void start();
  /// Goes on after the step in metrics.json; starts where there is none.
  void resume();
  /// Goes on at `step`: rows from it on are taken out.
  void resume_at(std::int64_t step);
  /// How many steps the rows that are there have: 1 more than the last.
  std::int64_t steps() const;
  /// Whether the last step before `step` has just these values, by metric name and text.
  bool continues(std::int64_t step, const std::vector<std::pair<std::string, std::string>>& values) const;

  void log_params(std::string_view json_object);
  /// A number or a text. Empty, or why it is left out: its name cannot be a file's.
  std::string log_metric(std::string_view key, const sdk::Value& value);
  /// Copies a model's directory to <dir>/artifacts/<name>, in place of an earlier one there. Throws
  /// std::filesystem::filesystem_error.
  std::filesystem::path copy_model(const std::filesystem::path& directory, const std::string& name);
  /// Lists a model in dvc.yaml from the next write on.
  void add_model(const std::string& name, const std::filesystem::path& path) { models_[name] = path; }
  /// Writes the summary, and dvc.yaml when it has to change; then counts on.
  void next_step();
  /// Writes all once more, to the disk. What is logged later has the last step again, as in
  /// DVCLive.
  void end();

  std::int64_t step() const { return step_; }
  const std::filesystem::path& directory() const { return directory_; }
  const std::filesystem::path& dvc_yaml() const { return dvc_yaml_; }

 private:
  struct Metric {
    Metric(std::string_view log_key, std::filesystem::path file, std::string column)
        : key(log_key), rows(std::move(file), std::move(column)) {}
    std::string key, name;  // empty when the name is no path
    bool can_be_file = false;
    MetricFile rows;
    Summary::Node* latest = nullptr;  // null before the first row
  };

  std::filesystem::path metrics_directory() const { return directory_ / "plots" / "metrics"; }
  std::filesystem::path metrics_json() const { return directory_ / "metrics.json"; }
  std::filesystem::path params_yaml() const { return directory_ / "params.yaml"; }
  std::vector<std::pair<std::string, std::filesystem::path>> metric_files() const;
  Metric& metric(std::string_view key);
  void write_summary();
  void write_dvc_yaml();

  std::filesystem::path directory_, dvc_yaml_;
  Warn warn_;
  Summary summary_;
  std::deque<Metric> metrics_;  // never moves its elements, whose keys the index views
  std::unordered_map<std::string_view, Metric*> by_key_;
  std::string json_;
  std::int64_t step_ = 0;
  std::map<std::string, std::filesystem::path> models_;
  std::optional<std::int64_t> last_step_;  // of the last next_step()
  bool params_ = false, plots_ = false, resumed_ = false;
  unsigned written_entries_ = 0;  // which of the three lists dvc.yaml has from us
};

}  // namespace trainer::dvclive
