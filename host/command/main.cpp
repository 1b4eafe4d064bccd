// SPDX-License-Identifier: Apache-2.0
//
// The `trainer` command: what it takes, and its exit status.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

#include "base/standard_streams.hpp"
#include "base/text.hpp"
#include "command/command_line.hpp"
#include "command/print.hpp"
#include "data/out_of_memory.hpp"
#include "trainer/crash_report.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/training_arguments.hpp"
#include "trainer/version.hpp"

namespace {

using trainer::command::add_common_options;
using trainer::command::add_resume;
using trainer::command::add_run_options;
using trainer::command::print_error;
using trainer::command::RunOptions;

int usage_error(const std::string& sentence) {
  print_error(trainer::with_id(sentence, trainer::error_id::command_usage));
  return 2;
}

// Of a path that a script took from a variable which is not set.
const CLI::Validator not_empty([](const std::string& text) { return text.empty() ? "is empty, expected a path" : ""; },
                               "");

// `train --help`, with the command that was given as far as it was.
std::string help_of(const CLI::App& app) {
  const CLI::App* used = &app;
  std::string words = "trainer";
  while (!used->get_subcommands().empty()) {
    used = used->get_subcommands().front();
    words += " " + used->get_name();
  }
  return "see `" + words + " --help`";
}

// A word that nothing takes: the nearest option, the command that has it, or what became of it.
std::string explain_extra(const std::string& word, const CLI::App& app, const CLI::App& used) {
  const std::string subject = "\"" + word + "\"";
  if (word[0] != '-') return subject + " is one argument too many for `" + used.get_name() + "`; " + help_of(app);
  std::string name = word.substr(std::min(word.find_first_not_of('-'), word.size()));
  std::replace(name.begin(), name.end(), '-', '_');
  if (const auto instead = trainer::removed_argument(name); !instead.empty())
    return subject + " was removed in transformers 5; " + std::string(instead);
  const std::string sentence = subject + " is not an option of `" + used.get_name() + "`";
  for (const auto* other : app.get_subcommands([](const CLI::App*) { return true; }))
    if (other->get_option_no_throw(word)) return sentence + ", but of `" + other->get_name() + "`; " + help_of(app);
  std::vector<std::string> known;
  for (const auto* option : used.get_options())
    for (const auto& known_name : option->get_lnames()) known.push_back("--" + known_name);
  const std::string near = trainer::nearest(word, known);
  return sentence + "; " + (near.empty() ? help_of(app) : "did you mean \"" + near + "\"?");
}

// One line that says what is wrong.
std::string explain(const CLI::ParseError& e, const CLI::App& app) {
  const CLI::App* used = &app;
  while (!used->get_subcommands().empty()) used = used->get_subcommands().front();
  const auto commands = used->get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
  const auto extras = app.remaining(true);
  if (commands.empty()) {
    if (!dynamic_cast<const CLI::ExtrasError*>(&e) || extras.empty())
      return std::string(e.what()) + "; " + help_of(app);
    return explain_extra(extras.front().substr(0, extras.front().find('=')), app, *used);
  }
  std::vector<std::string> names;
  for (const auto* command : commands) names.push_back(command->get_name());
  const std::string near = extras.empty() ? std::string() : trainer::nearest(extras.front(), names);
  return "expected a command" + (extras.empty() ? "" : ", found \"" + extras.front() + "\"") + ": " +
         trainer::join(names) + "; " + (near.empty() ? help_of(app) : "did you mean \"" + near + "\"?");
}

// Runs what the command line says.
int run_command(int argc, char** argv) {
  CLI::App app{"The Hugging Face Trainer callback model for LibTorch.", "trainer"};
  app.set_version_flag("--version", std::string("trainer ") + trainer::version);
  app.require_subcommand(1);
  app.allow_windows_style_options(false);  // "/x" is a path
  RunOptions options;
  int status = 0;
  const auto with_plugins = [&](int (*command)(const RunOptions&)) {
    return [&options, &status, command] {
      if (options.print_config) {
        status = trainer::command::print_config(options);
        return;
      }
      trainer::crash_report::install();
      status = command(options);
    };
  };

  auto* train = app.add_subcommand("train", "Trains the model of a run file");
  add_run_options(*train, options);
  add_resume(*train, options);
  train->final_callback(with_plugins(trainer::command::train));

  auto* run = app.add_subcommand("run", "Carries out the actions of a run file in order");
  add_run_options(*run, options);
  run->final_callback(with_plugins(trainer::command::run));

  auto* evaluate = app.add_subcommand("evaluate", "Evaluates a checkpoint");
  add_run_options(*evaluate, options);
  evaluate->add_option("--checkpoint", options.checkpoint, "The checkpoint directory")->required()->check(not_empty);
  evaluate->final_callback(with_plugins(trainer::command::evaluate));

  auto* predict = app.add_subcommand("predict", "Writes a checkpoint's predictions for data.test");
  add_run_options(*predict, options);
  predict->add_option("--checkpoint", options.checkpoint, "The checkpoint directory")->required()->check(not_empty);
  predict->add_option("--output", options.output, "The file to write: safetensors if its name says so, otherwise CSV")
      ->required();
  predict
      ->add_flag("--probabilities", options.probabilities,
                 "Also writes the probability of each class; =softmax or =sigmoid for a model with its own loss")
      ->check(CLI::IsMember({"true", "softmax", "sigmoid"}));
  predict->final_callback(with_plugins(trainer::command::predict));

  auto* replay = app.add_subcommand("replay", "Plays a finished run's log history through plugins");
  replay->add_option("TRAINER_STATE.json", options.run_file, "The finished run's state")->required();
  replay->add_option("--callback", options.callbacks, "A plugin to play the run to: ID, or ID={\"key\": value ...}")
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  add_common_options(*replay, options);
  replay->final_callback(with_plugins(trainer::command::replay));

  trainer::command::add_report_commands(app, status);
  auto* check =
      app.add_subcommand("check", "Reads everything that a run needs and says what the run will do, without training");
  add_run_options(*check, options);
  check->final_callback(with_plugins(trainer::command::check));

  trainer::command::InitOptions init_options;
  auto* init = app.add_subcommand("init", "Writes a run file to start from");
  init->add_option("RUN.json", init_options.run_file, "The file to write, or - for stdout; run.json by default");
  init->add_option("--from", init_options.from, "Takes the arguments from this JSON file of TrainingArguments");
  init->add_option("--data", init_options.data, "Derives model, loss and target from this training file");
  init->final_callback([&] { status = trainer::command::init(init_options); });

  std::string shell;
  auto* completion = app.add_subcommand("completion", "Prints a script with which a shell completes this command");
  completion->add_option("SHELL", shell, "bash, zsh or fish")
      ->required()
      ->check(CLI::IsMember({"bash", "zsh", "fish"}));
  completion->final_callback([&] { std::fputs(trainer::command::completion_script(app, shell).c_str(), stdout); });

  trainer::command::add_plugin_commands(app, options, status);
  trainer::command::use_short_help(app);

  struct End {
    ~End() { trainer::crash_report::expect_end(); }
  } const end;
  try {
    app.parse(argc, argv);
    return status;
  } catch (const CLI::Success& e) {  // --help, --version
    return app.exit(e);
  } catch (const CLI::ParseError& e) {
    return usage_error(explain(e, app));
  }
}

int out_of_memory() {
  print_error(trainer::with_id("out of memory; make per_device_train_batch_size or the model smaller",
                               trainer::error_id::memory_exhausted));
  return 1;
}

// The command's status, or that of the error that ends it, which is one line.
int status_of_command(int argc, char** argv) {
  try {
    return run_command(argc, argv);
  } catch (const trainer::Error& e) {
    print_error(e.what());
    return e.kind() == trainer::ErrorKind::usage ? 2 : 1;
  } catch (const std::bad_alloc&) {
    return out_of_memory();
  } catch (const std::exception& e) {
    if (trainer::is_out_of_memory(e)) return out_of_memory();
    const std::string text = e.what();  // LibTorch appends a stack to the first line
    print_error(trainer::with_id(text.substr(0, text.find('\n')), trainer::error_id::run_failed));
    return 1;
  }
}

std::terminate_handler usual_end;

// The last resort of an exception that found no way to status_of_command().
[[noreturn]] void end_without_memory() {
  try {
    if (std::current_exception()) throw;
  } catch (const std::bad_alloc&) {
    std::fputs("error: out of memory [memory.exhausted]\n", stderr);
    trainer::crash_report::end_process(1);
  } catch (...) {
  }
  usual_end();
  std::abort();
}

// What is printed is a command's result, but for a training, whose results are files.
bool prints_results(int argc, char** argv) { return argc < 2 || std::string_view(argv[1]) != "train"; }

}  // namespace

char** trainer::command::process_arguments = nullptr;

int main(int argc, char** argv) {
  trainer::secure_standard_streams();
  usual_end = std::set_terminate(end_without_memory);
  trainer::command::process_arguments = argv;
  const int status = status_of_command(argc, argv);
  const std::string lost = trainer::stdout_failure();
  if (lost.empty() || status != 0) return status;
  const std::string sentence = "stdout could not be written (" + lost + "), and the printed output is incomplete";
  if (!prints_results(argc, argv)) {
    trainer::log::warning(sentence);
    return 0;
  }
  print_error(
      trainer::with_id(sentence + "; check where it goes, and start again", trainer::error_id::file_write_failed));
  return 1;
}
