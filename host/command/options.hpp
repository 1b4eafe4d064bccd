// SPDX-License-Identifier: Apache-2.0
//
// The commands, and the options that each is called with.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace trainer::command {

/// What the command line of train, run, evaluate, predict and replay gives.
struct RunOptions {
  std::filesystem::path run_file;                              ///< replay: the trainer_state.json
  std::vector<std::pair<std::string, std::string>> arguments;  ///< --learning_rate 1e-3 ...
  std::vector<std::pair<std::string, std::string>> overrides;  ///< --set KEY=VALUE
  std::optional<std::string> resume_from_checkpoint;           ///< empty text: the newest
  std::vector<std::filesystem::path> plugin_dirs;
  std::vector<std::string> without;    ///< --without: plugins and trackers to leave out
  std::vector<std::string> isolate;    ///< --isolate: those that get a process of their own
  std::filesystem::path record;        ///< empty: no record
  std::filesystem::path checkpoint;    ///< evaluate and predict
  std::filesystem::path output;        ///< predict: the CSV or safetensors file
  std::string probabilities;           ///< predict: "true" for --probabilities, or its value; empty without it
  std::vector<std::string> callbacks;  ///< replay: ID or ID=CONFIG
  bool quiet = false;
  bool print_config = false;
};

/// What `init` gets.
struct InitOptions {
  std::filesystem::path run_file = "run.json";
  std::filesystem::path from;  ///< a JSON file of TrainingArguments; empty: none
  std::filesystem::path data;  ///< for data.train; empty: none
};

/// argv of the process, ended by a null pointer.
extern char** process_arguments;

/// What `plugins validate` gets, and `plugins bench` some of it.
struct ValidateOptions {
  std::filesystem::path path;     ///< a file, or a directory of plugins
  std::vector<std::string> only;  ///< ids of tests; empty: all
  std::uint64_t seed = 1;
  std::string config;              ///< JSON; empty: guessed from the note
  std::string worker;              ///< set in the processes that the command starts: the one test to run
  std::filesystem::path junit;     ///< empty: none
  double slow = 1;                 ///< factor for the limits
  std::string isolation = "none";  ///< "process": each instance has one of its own
  bool as_json = false;
  bool list = false;
};

/// What `report` and `show` get.
struct ReportOptions {
  std::vector<std::filesystem::path> runs;
  std::filesystem::path output = "report.html";
};

int train(const RunOptions& options);
int run(const RunOptions& options);
int evaluate(const RunOptions& options);
int predict(const RunOptions& options);
int check(const RunOptions& options);
int print_config(const RunOptions& options);
int init(const InitOptions& options);
int plugins_order(const RunOptions& options);

// These need no LibTorch.
int replay(const RunOptions& options);
int report(const ReportOptions& options);
int show(const ReportOptions& options);
int plugins_list(const std::vector<std::filesystem::path>& plugin_dirs, bool as_json);
int plugins_forgive(const std::string& given, const std::vector<std::filesystem::path>& plugin_dirs);
int plugins_inspect(const std::filesystem::path& file, bool as_json);
int plugins_trial(const std::filesystem::path& file);
int plugins_new(const std::string& name, const std::string& language, std::filesystem::path directory);
int plugins_validate(const ValidateOptions& options);
int plugins_bench(const ValidateOptions& options);

}  // namespace trainer::command
