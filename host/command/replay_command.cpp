// SPDX-License-Identifier: Apache-2.0
//
// replay: the log history of a finished run, played through plugins.
#include <cstdio>

#include "command/options.hpp"
#include "command/print.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"
#include "trainer/replay.hpp"

namespace trainer::command {
namespace {

// --callback 'early_stopping@>=0.1={"early_stopping_patience": 2}'
RunFile::Callback parse_callback(const std::string& text) {
  RunFile::Callback out;
  const auto equals = text.find('@') < text.find('=') ? text.find("={") : text.find('=');
  out.plugin = text.substr(0, equals);
  out.where = "--callback " + out.plugin;
  if (equals == text.npos) return out;
  const auto config = json::parse(text.substr(equals + 1), out.where);
  if (!config.is_object())
    throw_usage(error_id::command_usage, out.where + ": the configuration is " + std::string(json::kind_name(config)) +
                                             ", expected a JSON object after the =");
  out.config = config.get_object();
  return out;
}

}  // namespace

int replay(const RunOptions& options) {
  if (options.quiet) log::set_level(log::Level::warning);
  ReplayOptions replay;
  for (const auto& [name, text] : options.arguments) replay.args.set_from_text(name, text, "--" + name);
  for (const auto& text : options.callbacks) replay.callbacks.push_back(parse_callback(text));
  replay.plugin_dirs = options.plugin_dirs;
  replay.without = options.without;
  replay.isolate = options.isolate;
  const auto result = trainer::replay(options.run_file, replay);
  if (options.quiet) return 0;
  std::string names;
  for (const auto& name : result.callbacks) names += (names.empty() ? "" : ", ") + name;
  print_line("replayed " + std::to_string(result.logs) + " logs of " + options.run_file.string() + " to " + names);
  for (const auto& stop : result.stops) {
    char epoch[40];
    std::snprintf(epoch, sizeof epoch, "%.6g", stop.epoch);
    print_line(stop.callback + " would have stopped the training at step " + std::to_string(stop.global_step) +
               ", epoch " + epoch);
  }
  return 0;
}

}  // namespace trainer::command
