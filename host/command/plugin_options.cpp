// SPDX-License-Identifier: Apache-2.0
//
// What the commands of `plugins` take.
#include <memory>

#include "command/command_line.hpp"
#include "discovery/library_file.hpp"
#include "isolation/plugin_server.hpp"
#include "trainer/crash_report.hpp"

namespace trainer::command {
namespace {

void add_list(CLI::App& plugins, RunOptions& options, int& status) {
  auto* list = plugins.add_subcommand("list", "Lists the plugins that are found, and which trackers are available");
  add_plugin_dir(*list, options);
  list->add_option("--order", options.run_file, "Prints the order of callbacks of this run file instead");
  const auto as_json = std::make_shared<bool>(false);
  list->add_flag("--json", *as_json, "As JSON");
  list->final_callback([&options, &status, as_json] {
    options.quiet = true;
    crash_report::install();
    status = options.run_file.empty() ? plugins_list(options.plugin_dirs, *as_json) : plugins_order(options);
  });
}

void add_new(CLI::App& plugins, int& status) {
  struct Given {
    std::string name, language = "cpp";
    std::filesystem::path directory;
  };
  auto given = std::make_shared<Given>();
  auto* command = plugins.add_subcommand("new", "Creates a project for a new plugin");
  command->add_option("NAME", given->name, "The plugin's id")->required();
  command->add_option("--language", given->language, "c, cpp or rust")->check(CLI::IsMember({"c", "cpp", "rust"}));
  command->add_option("--directory", given->directory, "The new directory; NAME by default");
  command->final_callback([&status, given] { status = plugins_new(given->name, given->language, given->directory); });
}

std::shared_ptr<ValidateOptions> add_worker(CLI::App& command) {
  auto given = std::make_shared<ValidateOptions>();
  command.add_option("--seed", given->seed, "Seeds random orders and values");
  command.add_option("--config", given->config, "The configuration to use, as a JSON object");
  command.add_option("--worker", given->worker)->group("");  // for the processes that it starts
  command.add_option("--slow", given->slow, "Multiplies the time limits")->check(CLI::Range(0.01, 1000.0));
  command.add_option("--isolation", given->isolation, "process: each instance in a process of its own")
      ->check(CLI::IsMember({"process", "none"}));
  command.add_flag("--json", given->as_json, "As JSON");
  return given;
}

void add_validate(CLI::App& plugins, int& status) {
  auto* command = plugins.add_subcommand(
      "validate", "Checks that a plugin honours the contract; each test runs in a process of its own");
  auto given = add_worker(*command);
  command->add_option("FILE|DIR", given->path, "The shared library, or a directory of them");
  command->add_option("--only", given->only, "Only the test with this id; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  command->add_option("--junit", given->junit, "Also writes a JUnit report to this file");
  command->add_flag("--list", given->list, "Lists the tests without running them");
  command->final_callback([&status, given] { status = plugins_validate(*given); });
}

void add_bench(CLI::App& plugins, int& status) {
  auto* command = plugins.add_subcommand("bench", "Measures how many nanoseconds each event of a plugin takes");
  auto given = add_worker(*command);
  command->add_option("FILE", given->path, "The shared library")->required();
  command->final_callback([&status, given] { status = plugins_bench(*given); });
}

void add_forgive(CLI::App& plugins, RunOptions& options, int& status) {
  auto given = std::make_shared<std::string>();
  auto* command =
      plugins.add_subcommand("forgive", "Allows a plugin to be loaded again that crashed when it was first loaded");
  add_plugin_dir(*command, options);
  command->add_option("NAME|FILE", *given, "The plugin's id, or its file")->required();
  command->final_callback([&options, &status, given] { status = plugins_forgive(*given, options.plugin_dirs); });
}

// For the processes that try a plugin on Windows, see core/loading/trial_process.hpp.
void add_trial(CLI::App& plugins, int& status) {
  if (this_format != LibraryFormat::pe) return;
  auto file = std::make_shared<std::filesystem::path>();
  auto* command = plugins.add_subcommand("trial")->group("");
  command->add_option("FILE", *file)->required();
  command->final_callback([&status, file] { status = plugins_trial(*file); });
}

// For the processes of isolated plugins, see core/isolation/plugin_process.hpp.
void add_host(CLI::App& plugins, int& status) {
  auto given = std::make_shared<isolation::ServerOptions>();
  auto* command = plugins.add_subcommand("host")->group("");
  command->add_option("--memory", given->memory);
  command->add_option("--cpu_seconds", given->cpu_seconds);
  command->add_option("--processes", given->processes);
  command->add_flag("--no_network", given->no_network);
  command->final_callback([&status, given] { status = isolation::serve_plugin(*given); });
}

}  // namespace

void add_plugin_dir(CLI::App& app, RunOptions& options) {
  app.add_option("--plugin-dir", options.plugin_dirs, "Searched before the other plugin directories")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_plugin_commands(CLI::App& app, RunOptions& options, int& status) {
  auto* plugins = app.add_subcommand("plugins", "Lists, inspects, creates and tests plugins");
  plugins->require_subcommand(1);
  add_list(*plugins, options, status);
  add_new(*plugins, status);
  add_validate(*plugins, status);
  add_bench(*plugins, status);
  add_trial(*plugins, status);
  add_host(*plugins, status);
  add_forgive(*plugins, options, status);
  struct Given {
    std::filesystem::path file;
    bool as_json = false;
  };
  auto given = std::make_shared<Given>();
  auto* inspect = plugins->add_subcommand("inspect", "Shows what a plugin says about itself; none of its code runs");
  inspect->add_option("FILE", given->file, "The shared library")->required();
  inspect->add_flag("--json", given->as_json, "As JSON");
  inspect->final_callback([&status, given] { status = plugins_inspect(given->file, given->as_json); });
}

}  // namespace trainer::command
