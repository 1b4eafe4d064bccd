// SPDX-License-Identifier: Apache-2.0
//
// The `trainer` command: what it takes, and its exit status.
#include <iostream>

#include "base/text.hpp"
#include "command/command_line.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/training_arguments.hpp"
#include "trainer/version.hpp"

namespace {

using trainer::command::add_plugin_dir;
using trainer::command::RunOptions;

int usage_error(const std::string& sentence) {
  std::cerr << "error: " << trainer::with_id(sentence, trainer::error_id::command_usage) << "\n";
  return 2;
}

// --name and, as in transformers' HfArgumentParser, --na-me; a boolean without a value is true.
void add_arguments(CLI::App& app, RunOptions& options) {
  for (const auto& info : trainer::argument_table()) {
    const std::string name(info.name);
    if (name == "resume_from_checkpoint") continue;
    std::string dashed = name;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    const std::string flags = dashed == name ? "--" + name : "--" + name + ",--" + dashed;
    const bool boolean = std::string_view(info.type).find("bool") != std::string_view::npos;
    app.add_option_function<std::vector<std::string>>(
           flags,
           [&options, name](const std::vector<std::string>& values) {
             options.arguments.emplace_back(name, values.empty() ? "true" : values.back());
           },
           std::string(info.description))
        ->expected(boolean ? 0 : 1, 1)
        ->take_last()
        ->group(info.supported ? "TrainingArguments" : "")  // a refused one is not shown, but explained
        ->type_name(std::string(info.type));
  }
}

void add_common_options(CLI::App& app, RunOptions& options) {
  add_plugin_dir(app, options);
  app.add_option("--without", options.without, "Leaves out a plugin (by its id) or a tracker; may be repeated")
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
  app.add_option("--record", options.record, "Writes the audit of the run to this directory");
  add_common_options(app, options);
}

void add_resume(CLI::App& app, RunOptions& options) {
  app.add_option_function<std::vector<std::string>>(
         "--resume_from_checkpoint,--resume-from-checkpoint",
         [&options](const std::vector<std::string>& values) {
           const bool newest = values.empty() || values.back() == "true" || values.back() == "True";
           options.resume_from_checkpoint = newest ? "" : values.back();
         },
         "Goes on from a checkpoint directory, or from the newest one")
      ->expected(0, 1);
}

// One line that says what is wrong, with the nearest option for one that is unknown.
std::string explain(const CLI::ParseError& e, const CLI::App& app) {
  if (dynamic_cast<const CLI::ExtrasError*>(&e)) {
    const CLI::App* used = &app;
    while (!used->get_subcommands().empty()) used = used->get_subcommands().front();
    std::vector<std::string> known;
    for (const auto* option : used->get_options())
      for (const auto& name : option->get_lnames()) known.push_back("--" + name);
    const auto extras = app.remaining(true);
    const std::string unknown = extras.empty() ? std::string() : extras.front().substr(0, extras.front().find('='));
    const std::string near = trainer::nearest(unknown, known);
    return "\"" + unknown + "\" is not an option of `" + used->get_name() + "`" +
           (near.empty() ? "; see `trainer " + used->get_name() + " --help`" : "; did you mean \"" + near + "\"?");
  }
  std::string text = e.what();
  if (text.find("subcommand") != text.npos)
    return "expected a command: train, run, evaluate, predict, replay or plugins; see `trainer "
           "--help`";
  return text + "; see `trainer --help`";
}

}  // namespace

char** trainer::command::process_arguments = nullptr;

int main(int argc, char** argv) {
  trainer::command::process_arguments = argv;
  trainer::crash_report::install();
  CLI::App app{"The Hugging Face Trainer callback model for LibTorch.", "trainer"};
  app.set_version_flag("--version", std::string("trainer ") + trainer::version);
  app.require_subcommand(1);
  RunOptions options;
  int status = 0;

  auto* train = app.add_subcommand("train", "Trains the model of a run file");
  add_run_options(*train, options);
  add_resume(*train, options);
  train->final_callback([&] { status = trainer::command::train(options); });

  auto* run = app.add_subcommand("run", "Does the actions of a run file in order");
  add_run_options(*run, options);
  run->final_callback([&] { status = trainer::command::run(options); });

  auto* evaluate = app.add_subcommand("evaluate", "Evaluates a checkpoint");
  add_run_options(*evaluate, options);
  evaluate->add_option("--checkpoint", options.checkpoint, "The checkpoint directory")->required();
  evaluate->final_callback([&] { status = trainer::command::evaluate(options); });

  auto* predict = app.add_subcommand("predict", "Writes a checkpoint's predictions for data.test");
  add_run_options(*predict, options);
  predict->add_option("--checkpoint", options.checkpoint, "The checkpoint directory")->required();
  predict->add_option("--output", options.output, "The CSV file to write")->required();
  predict->final_callback([&] { status = trainer::command::predict(options); });

  auto* replay = app.add_subcommand("replay", "Plays a finished run's log history through plugins");
  replay->add_option("TRAINER_STATE.json", options.run_file, "The finished run's state")->required();
  replay->add_option("--callback", options.callbacks, "A plugin to play to: ID, or ID={\"key\": value ...}")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_common_options(*replay, options);
  replay->final_callback([&] { status = trainer::command::replay(options); });

  trainer::command::add_plugin_commands(app, options, status);

  try {
    app.parse(argc, argv);
    return status;
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(explain(e, app));
  } catch (const trainer::Error& e) {
    std::cerr << "error: " << e.what() << "\n";
    return e.kind() == trainer::ErrorKind::usage ? 2 : 1;
  } catch (const std::bad_alloc&) {
    std::cerr << "error: "
              << trainer::with_id("out of memory; make per_device_train_batch_size or the model smaller",
                                  trainer::error_id::memory_exhausted)
              << "\n";
    return 1;
  } catch (const std::exception& e) {
    const std::string text = e.what();  // LibTorch appends a stack to the first line
    std::cerr << "error: " << trainer::with_id(text.substr(0, text.find('\n')), trainer::error_id::run_failed) << "\n";
    return 1;
  }
}
