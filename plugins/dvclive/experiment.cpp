// SPDX-License-Identifier: Apache-2.0
//
// Runs dvc and git around a training, and writes the signals for VS Code.
#include "experiment.hpp"

#include <algorithm>
#include <regex>

#include "shared/json_tree/json_tree.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/files.hpp"
#include "shared/system/process.hpp"
#include "trainer/sdk/file.hpp"

namespace trainer::dvclive {
namespace {

namespace fs = std::filesystem;
using plugins::Finished;
using plugins::process_id;
using plugins::run_program;
using plugins::variable;

constexpr std::chrono::minutes longest_save{2}, longest_add{60};
constexpr const char* not_saved = "no experiment was saved, the files in the working directory are complete";

std::string trimmed_end(const std::string& text) {
  const std::size_t end = text.find_last_not_of(" \r\n");
  return end == text.npos ? "" : text.substr(0, end + 1);
}

}  // namespace

fs::path find_above(const fs::path& start, const char* name) {
  std::error_code error;
  fs::path at = fs::weakly_canonical(start, error);
  for (; !error;) {
    std::error_code missing;
    if (fs::exists(at / name, missing)) return at;
    if (!at.has_relative_path()) break;
    at = at.parent_path();
  }
  return {};
}

bool truthy(const std::string& value) { return std::regex_search(value, std::regex("1|y|true", std::regex::icase)); }

Experiment::Experiment(ExperimentOptions options, Say info, Say warn)
    : options_(std::move(options)), info_(std::move(info)), warn_(std::move(warn)) {
  const fs::path here = fs::current_path();
  git_root_ = find_above(here, ".git");
  dvc_root_ = find_above(here, ".dvc");
  const std::string queue_root = variable("DVC_ROOT");
  in_pipeline_ = !queue_root.empty();
  in_experiment_ = in_pipeline_ && !variable("DVC_EXP_BASELINE_REV").empty();
  const fs::path signal_root = in_pipeline_ ? sdk::path_of(queue_root) : dvc_root_;
  if (!signal_root.empty()) signals_ = signal_root / ".dvc" / "tmp" / "exps" / "run";
  if (!options_.save) return;
  if (in_pipeline_ && !in_experiment_)
    warn_("no experiment is saved within `dvc repro`; use `dvc exp run`");
  else if (!in_pipeline_ && git_root_.empty())
    warn_(
        "no experiment is saved outside of a Git repository, the files are written anyway; "
        "run `git init`, commit, and `dvc init`");
  options_.save = !in_pipeline_ && !git_root_.empty();
}

Experiment::~Experiment() { remove_signals(); }

void Experiment::started() {
  if (!options_.save || dvc_root_.empty()) return;
  std::string json = "{\"exp_name\": ";
  plugins::append_json_string(json, options_.name, plugins::Escape::utf8);
  signal("DVCLIVE_ONLY", json + ", \"pid\": " + std::to_string(process_id()) + "}");
}

void Experiment::step_completed(std::int64_t step) {
  if (signals_.empty()) return;
  signal("DVCLIVE_STEP_COMPLETED",
         "{\"pid\": " + std::to_string(process_id()) + ", \"step\": " + std::to_string(step) + "}");
}

void Experiment::ended(const fs::path& directory, const fs::path& dvc_yaml) {
  if (in_experiment_ && !git_root_.empty()) {
    std::vector<std::string> add{"git", "add", "--", sdk::text_of(directory)};
    if (!dvc_yaml.empty()) add.push_back(sdk::text_of(dvc_yaml));
    run(not_saved, add);
  }
  if (options_.save) save(directory, dvc_yaml);
  remove_signals();
}

/// As DVCLive does: a Git repository without DVC gets one, where an experiment is to be saved.
bool Experiment::has_dvc() {
  if (!dvc_root_.empty()) return true;
  if (!options_.save || !run(not_saved, {"dvc", "--cd", sdk::text_of(git_root_), "init", "--quiet"})) return false;
  dvc_root_ = git_root_;
  return true;
}

bool Experiment::add(const fs::path& path) {
  if (!has_dvc()) {
    warn_(sdk::text_of(path) +
          " is not added to DVC: the current directory is not in a DVC repository; run "
          "`dvc init`");
    return false;
  }
  if (!run("the model is not in DVC", {"dvc", "add", "--quiet", sdk::text_of(path)}, longest_add)) return false;
  const std::string file = sdk::text_of(path.lexically_normal()) + ".dvc";
  if (std::find(untracked_.begin(), untracked_.end(), file) == untracked_.end()) {
    untracked_.push_back(file);
    untracked_.push_back(sdk::text_of(path.lexically_normal().parent_path() / ".gitignore"));
  }
  return true;
}

void Experiment::save(const fs::path& directory, const fs::path& dvc_yaml) {
  if (!run(not_saved, {"git", "rev-parse", "--quiet", "--verify", "HEAD"}) || !has_dvc()) return;
  std::vector<std::string> command{"dvc", "exp", "save", "--force"};
  const auto include = [&](const fs::path& path) {
    command.insert(command.end(), {"--include-untracked", sdk::text_of(path)});
  };
  // The directory would bring a model in it into Git, which DVC ignores there for that very reason.
  for (const auto& entry : fs::directory_iterator(directory))
    if (entry.path().filename() != "artifacts") include(entry.path());
  if (!dvc_yaml.empty()) include(dvc_yaml);
  for (const std::string& file : untracked_) include(sdk::path_of(file));
  if (const std::string name = free_name(); !name.empty()) command.push_back("--name=" + name);
  if (!options_.message.empty()) command.push_back("--message=" + options_.message);
  if (!run(not_saved, command)) return;
  saved_ = true;
  info_("the run is saved as a DVC experiment; `dvc exp show` lists it");
}

/// The name, unless Git refuses it or an experiment on this commit has it; one that this run saved is replaced.
std::string Experiment::free_name() {
  if (options_.name.empty() || saved_) return options_.name;
  const Finished head = run_program({"git", "rev-parse", "HEAD"}, longest_save);
  const std::string commit = trimmed_end(head.output);
  if (head.status != 0 || commit.size() < 3) return options_.name;
  const std::string reference = "refs/exps/" + commit.substr(0, 2) + "/" + commit.substr(2) + "/" + options_.name;
  if (options_.name.find('/') != std::string::npos ||
      run_program({"git", "check-ref-format", reference}, longest_save).status != 0) {
    warn_("\"" + options_.name +
          "\" is not a valid experiment name (git help check-ref-format); this run gets one from DVC");
    return {};
  }
  const Finished taken = run_program({"git", "show-ref", "--verify", "--quiet", reference}, longest_save);
  if (taken.status != 0) return options_.name;
  warn_("there is an experiment \"" + options_.name + "\" already; this run gets a name from DVC");
  return {};
}

bool Experiment::run(const char* lost, const std::vector<std::string>& command, std::chrono::minutes limit) {
  const Finished finished = run_program(command, limit);
  if (finished.status == 0 && !finished.timed_out) return true;
  std::string text = std::string(lost) + ": `";
  for (const std::string& word : command) text += (text.back() == '`' ? "" : " ") + word;
  text += "` ";
  if (!finished.found)
    text += "could not be started; install it (`pip install dvc`) and run it";
  else if (finished.timed_out)
    text += "ran longer than " + std::to_string(limit.count()) + " minutes and was ended; run it yourself";
  else
    text += "gave " + std::to_string(finished.status) + ": " + trimmed_end(finished.output);
  warn_(text);
  return false;
}

void Experiment::signal(const char* file, const std::string& json) {
  // For a program that watches; the run does not depend on it.
  try {
    if (std::error_code error; !fs::exists(signals_, error)) sdk::make_directory(signals_);
    plugins::replace_quickly(signals_ / file, json);
  } catch (const std::exception&) {
  }
}

void Experiment::remove_signals() {
  if (signals_.empty()) return;
  std::error_code error;
  fs::remove(signals_ / "DVCLIVE_STEP_COMPLETED", error);
  if (options_.save) fs::remove(signals_ / "DVCLIVE_ONLY", error);
}

}  // namespace trainer::dvclive
