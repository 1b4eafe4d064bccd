// SPDX-License-Identifier: Apache-2.0
//
// A run of DVCLive, new or resumed: its steps, metrics and files.
#include "live.hpp"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <limits>
#include <sstream>
#include <trainer/sdk/path.hpp>

#include "dvc_yaml.hpp"
#include "params.hpp"
#include "shared/system/files.hpp"
#include "trainer/sdk/repr.hpp"

namespace trainer::dvclive {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t open_files = 128;  // of the process' limit, which may be 1024

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::stringstream all;
  if (in) all << in.rdbuf();
  return all.str();
}

/// Whether another name would have been written: too long, or in the way of another metric's.
bool is_about_the_name(int code) {
  return code == ENAMETOOLONG || code == EISDIR || code == ENOTDIR || code == EEXIST || code == EINVAL ||
         code == EILSEQ || code == ELOOP;
}

std::string path_from(const fs::path& path, const fs::path& directory) {
  return sdk::generic_text_of(fs::absolute(path).lexically_normal().lexically_relative(directory));
}

}  // namespace

Live::Live(fs::path directory, fs::path dvc_yaml, Warn warn)
    : directory_(std::move(directory)), dvc_yaml_(std::move(dvc_yaml)), warn_(std::move(warn)) {}

void Live::start() {
  sdk::make_directory(directory_);
  std::error_code error;
  for (const char* plots : {"metrics", "images", "custom", "sklearn"})
    fs::remove_all(directory_ / "plots" / plots, error);
  for (const char* file : {"metrics.json", "params.yaml", "report.html", "report.md", "dvc.yaml"})
    fs::remove(directory_ / file, error);
}

void Live::resume() {
  const std::string text = read_file(metrics_json());
  if (text.empty()) return start();
  const plugins::JsonTree summary = plugins::parse_json(text);
  const plugins::JsonTree* last = summary.find("step");
  constexpr long long most = std::numeric_limits<long long>::max() - 1;
  resume_at(last == nullptr ? 0 : std::clamp(std::atoll(last->text.c_str()), -1ll, most) + 1);
}

void Live::resume_at(std::int64_t step) {
  sdk::make_directory(directory_);
  if (const std::string text = read_file(metrics_json()); !text.empty()) summary_.load(plugins::parse_json(text));
  for (const auto& [name, file] : metric_files()) {
    const std::vector<Row> rows = cut_rows(file, step);
    if (rows.empty())
      summary_.erase(name);
    else
      summary_.at(name).value = summary_value_of(rows.back().value);
  }
  step_ = step;
  resumed_ = true;
}

std::int64_t Live::steps() const {
  std::int64_t steps = 0;
  for (const auto& [name, file] : metric_files())
    for (const Row& row : read_rows(file)) steps = std::max(steps, row.step + 1);
  return steps;
}

bool Live::continues(std::int64_t step, const std::vector<std::pair<std::string, std::string>>& values) const {
  std::size_t equal = 0;
  for (const auto& [name, file] : metric_files())
    for (const Row& row : read_rows(file))
      if (row.step == step - 1)
        for (const auto& value : values)
          if (value.first == name && value.second == row.value) ++equal;
  return equal != 0 && equal == values.size();
}

std::vector<std::pair<std::string, fs::path>> Live::metric_files() const {
  std::vector<std::pair<std::string, fs::path>> files;
  std::error_code error;
  for (fs::recursive_directory_iterator at(metrics_directory(), error), end; at != end; at.increment(error)) {
    if (error) break;
    if (at->path().extension() != ".tsv" || !at->is_regular_file(error)) continue;
    std::string name = path_from(at->path(), fs::absolute(metrics_directory()).lexically_normal());
    name.resize(name.size() - 4);
    files.emplace_back(std::move(name), at->path());
  }
  return files;
}

void Live::log_params(std::string_view json_object) {
  const std::string old = resumed_ ? read_file(params_yaml()) : std::string();
  sdk::replace_file(params_yaml(), merge_params(old, plugins::parse_json(json_object)));
  params_ = true;
}

Live::Metric& Live::metric(std::string_view key) {
  if (const auto found = by_key_.find(key); found != by_key_.end()) return *found->second;
  const std::optional<std::string> path = safe_path(metric_name(key));
  const std::string name = path.value_or("");
  Metric& made =
      metrics_.emplace_back(key, metrics_directory() / sdk::path_of(name + ".tsv"), name.substr(name.rfind('/') + 1));
  made.name = name;
  made.can_be_file = plugins::can_be_path(name + ".tsv");
  by_key_.emplace(made.key, &made);
  return made;
}

std::string Live::log_metric(std::string_view key, const sdk::Value& value) {
  Metric& one = metric(key);
  if (one.name.empty()) return "its name points outside plots/metrics";
  if (!one.can_be_file) return "no file can have its name";
  try {
    one.rows.append(step_, value, metrics_.size() <= open_files);
  } catch (const sdk::FileError& error) {
    if (one.latest != nullptr || !is_about_the_name(error.code())) throw;
    return "its name is not a valid file name: " + std::generic_category().message(error.code());
  }
  if (one.latest == nullptr) one.latest = &summary_.at(one.name);
  one.latest->value.clear();
  append_summary_value(one.latest->value, value);
  plots_ = true;
  return {};
}

fs::path Live::copy_model(const fs::path& directory, const std::string& name) {
  const fs::path to = directory_ / "artifacts" / sdk::path_of(name);
  fs::remove_all(to);
  fs::create_directories(to.parent_path());
  fs::copy(directory, to, fs::copy_options::recursive);
  return to;
}

void Live::write_summary() {
  std::string& step = summary_.at("step").value;
  step.clear();
  sdk::append_repr(step, step_);
  json_.clear();
  summary_.write(json_);
}

void Live::next_step() {
  write_summary();
  plugins::replace_quickly(metrics_json(), json_);
  last_step_ = step_++;
  write_dvc_yaml();
}

void Live::end() {
  if (last_step_) step_ = *last_step_;
  if (last_step_ || resumed_)
    write_summary();
  else
    json_ = "{}\n";
  for (Metric& one : metrics_) one.rows.close();
  sdk::replace_file(metrics_json(), json_);
  written_entries_ = 0;
  write_dvc_yaml();
}

void Live::write_dvc_yaml() {
  const unsigned entries = (last_step_ || resumed_ ? 4u : 0u) | (params_ ? 1u : 0u) | (plots_ || resumed_ ? 2u : 0u);
  if (dvc_yaml_.empty() || entries == written_entries_) return;
  written_entries_ = entries;
  const fs::path base = fs::absolute(dvc_yaml_).lexically_normal().parent_path();
  DvcEntries ours;
  ours.marker = path_from(directory_, base) + "/";
  if (params_) ours.params = path_from(params_yaml(), base);
  if (entries & 4u) ours.metrics = path_from(metrics_json(), base);
  std::error_code error;
  if (fs::exists(metrics_directory(), error)) ours.plots = path_from(metrics_directory(), base);
  for (const auto& [name, path] : models_) ours.models[name] = path_from(path, base);
  const std::string old = read_file(dvc_yaml_);
  const std::optional<std::string> next = merge_dvc_yaml(old, ours);
  if (!next) {
    warn_(sdk::text_of(dvc_yaml_) +
          " is left as it is: its params, metrics or plots are not lists of \"- \" lines, or its "
          "artifacts no map of \"name:\" lines; write them "
          "so, or add " +
          ours.params + ", " + ours.metrics + " and " + ours.plots + " yourself");
    return;
  }
  if (*next != old) sdk::replace_file(dvc_yaml_, *next);
}

}  // namespace trainer::dvclive
