// SPDX-License-Identifier: Apache-2.0
//
// What train, run, evaluate, predict and replay take.
#include <algorithm>

#include "command/command_line.hpp"
#include "trainer/run_file.hpp"
#include "trainer/training_arguments.hpp"

namespace trainer::command {
namespace {

// Read now rather than with the run file, so that a word that was meant for another place is what the error names.
void give(RunOptions& options, const std::string& name, const std::string& text) {
  TrainingArguments().set_from_text(name, text, "--" + name);
  options.arguments.emplace_back(name, text);
}

// As transformers' HfArgumentParser has them: --name and --na-me; a boolean without a value is true, and one that is
// true by default has --no_name.
void add_arguments(CLI::App& app, RunOptions& options) {
  for (const auto& info : argument_table()) {
    const std::string name(info.name);
    if (name == "resume_from_checkpoint") continue;
    std::string dashed = name;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    const std::string flags = dashed == name ? "--" + name : "--" + name + ",--" + dashed;
    const bool boolean = std::string_view(info.type).find("bool") != std::string_view::npos;
    app.add_option_function<std::vector<std::string>>(
           flags,
           [&options, name, boolean](const std::vector<std::string>& values) {
             const bool bare = values.empty() || values.back().empty();
             give(options, name, boolean && bare ? "true" : values.empty() ? "" : values.back());
           },
           std::string(info.description))
        ->expected(boolean ? 0 : 1, 1)
        ->allow_extra_args(false)  // which would take a text in brackets apart
        ->take_last()
        ->group(info.supported ? std::string(info.group) : "")  // a refused one is not shown, but explained
        ->type_name(std::string(info.type));
    if (info.type == "bool" && info.default_value == true)
      app.add_flag_function(
             "--no_" + name + ",--no-" + dashed, [&options, name](std::int64_t) { give(options, name, "false"); },
             "--" + name + " false")
          ->group("");
  }
}

}  // namespace

void add_common_options(CLI::App& app, RunOptions& options) {
  add_plugin_dir(app, options);
  app.add_option("--without", options.without, "Leaves out a plugin (by its id) or a tracker; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--isolate", options.isolate,
                 "Runs a plugin (by its id) or a tracker in a process of its own; may be repeated")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_flag("--quiet", options.quiet, "No progress, no log lines, no summary");
  add_arguments(app, options);
}

void add_run_options(CLI::App& app, RunOptions& options) {
  app.add_option("RUN.json", options.run_file, "The run file")->required();
  app.add_option_function<std::vector<std::string>>(
         "--set",
         [&options](const std::vector<std::string>& pairs) {
           for (const auto& pair : pairs) {
             const auto equals = pair.find('=');
             if (equals == pair.npos) throw CLI::ValidationError("--set", "expected KEY=VALUE, found \"" + pair + "\"");
             options.overrides.emplace_back(pair.substr(0, equals), pair.substr(equals + 1));
           }
         },
         "Replaces a key of the run file: --set data.train=FILE")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  app.add_option("--record", options.record, "Writes an audit of the run to this directory");
  app.add_flag("--print-config", options.print_config,
               "Prints the run file with these options and all defaults, and does nothing else");
  add_common_options(app, options);
}

void add_resume(CLI::App& app, RunOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--resume_from_checkpoint,--resume-from-checkpoint",
         [&options](const std::vector<std::string>& values) {
           options.resume_from_checkpoint = parse_resume(values.empty() ? "" : values.back());
         },
         "Resumes from a checkpoint directory, or from the newest one")
      ->expected(0, 1)
      ->allow_extra_args(false);
}

}  // namespace trainer::command
