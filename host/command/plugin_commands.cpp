// SPDX-License-Identifier: Apache-2.0
//
// plugins list, plugins inspect, plugins forgive.
#include <iostream>

#include "base/child_process.hpp"
#include "base/text.hpp"
#include "command/available.hpp"
#include "command/options.hpp"
#include "command/print.hpp"
#include "discovery/input_file.hpp"
#include "discovery/library_file.hpp"
#include "discovery/plugin_file.hpp"
#include "loading/plugin_library.hpp"
#include "loading/plugin_parts.hpp"
#include "loading/quarantine.hpp"
#include "loading/trial_load.hpp"
#include "run/report_to.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"

namespace trainer::command {

namespace {

std::vector<std::string> event_list(std::uint32_t events) {
  std::vector<std::string> out;
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind)
    if (events >> kind & 1) out.emplace_back(event_name(kind));
  return out;
}

std::string abi_of(const PluginNote& note) {
  return std::to_string(note.abi_major) + "." + std::to_string(note.abi_minor);
}

json::object inspection(const PluginFile& plugin, const LibraryFile& library) {
  json::object out{{"path", plugin.path.string()},
                   {"system", library.system()},
                   {"abi", abi_of(plugin.note)},
                   {"note", json::parse(plugin.note.json, plugin.path.string())},
                   {"needed", json::array(library.needed.begin(), library.needed.end())}};
  json::array symbols;
  for (const auto& symbol : library.symbols) symbols.push_back({{"name", symbol.name}, {"function", symbol.function}});
  json::object versions;
  for (const auto& version : library.versions) {
    json::value& of = versions[version.library];
    if (!of.is_array()) of = json::array();
    of.get_array().emplace_back(version.name);
  }
  out["symbols"] = std::move(symbols);
  out["versions"] = std::move(versions);
  return out;
}

using Rows = std::vector<std::vector<std::string>>;

void add_config(Rows& rows, const json::object& schema) {
  for (const auto& key : schema) {
    const auto& rule = key.value().as_object();
    std::string text = json::dump(rule.at("type"));
    if (const auto* fallback = rule.if_contains("default")) text += ", default " + json::dump(*fallback);
    if (const auto* description = rule.if_contains("description")) text += ": " + std::string(description->as_string());
    rows.push_back({"config." + std::string(key.key()), text});
  }
}

void add_linkage(Rows& rows, const LibraryFile& library) {
  std::vector<std::string> symbols;
  for (const auto& symbol : library.symbols) symbols.push_back(symbol.name);
  rows.push_back({"exports", join(symbols)});
  for (const auto& needed : library.needed) {
    std::vector<std::string> versions;
    for (const auto& version : library.versions)
      if (version.library == needed) versions.push_back(version.name);
    rows.push_back({"needs", needed + (versions.empty() ? "" : " (" + join(versions) + ")")});
  }
}

// "-" of a plugin that is no tracker.
Available tracker_available(const PluginFile& plugin) {
  if (plugin.note.report_to.empty()) return {"-", ""};
  TrainingArguments args;
  args.finalize();
  return availability_of(plugin, {.args = &args, .model_config_json = {}});
}

// Files that are no plugins that a run can have, each with why.
std::vector<std::string> problems_of(const PluginRegistry& registry) {
  std::vector<std::string> out;
  for (const auto& problem : registry.problems()) out.push_back("not usable: " + with_id(problem.sentence, problem.id));
  for (const auto& bad : quarantined_plugins())
    out.push_back("in quarantine: " + bad.path + " since " + bad.date + ", when it was first loaded " + bad.reason);
  for (const auto& twin : registry.duplicates())
    out.push_back("left out: " + twin.file.path.string() + " has the id \"" + twin.file.note.id + "\" of " +
                  twin.used.string() + ", which was found first; a run gets it by its version, as " +
                  twin.file.note.id + "@" + twin.file.note.version);
  for (const auto& twin : twins(registry))
    out.push_back("not by report_to: " + twin.later->path.string() + " has the report_to \"" +
                  twin.used->note.report_to + "\" of " + twin.used->path.string() + ", which was found first");
  return out;
}

json::object list_json(const PluginRegistry& registry) {
  json::array plugins;
  for (const auto& plugin : registry.plugins()) {
    const auto [available, reason] = tracker_available(plugin);
    const auto or_null = [](const std::string& text) {
      return text.empty() || text == "-" ? json::value() : json::value(text);
    };
    plugins.push_back(json::object{{"id", plugin.note.id},
                                   {"version", plugin.note.version},
                                   {"report_to", or_null(plugin.note.report_to)},
                                   {"available", or_null(available)},
                                   {"reason", or_null(reason)},
                                   {"description", plugin.note.description},
                                   {"path", plugin.path.string()}});
  }
  const auto problems = problems_of(registry);
  return {{"plugins", std::move(plugins)}, {"problems", json::array(problems.begin(), problems.end())}};
}

// What a line of a terminal holds, at the least.
constexpr std::size_t line_width = 100;

}  // namespace

int plugins_list(const std::vector<std::filesystem::path>& plugin_dirs, bool as_json) {
  const PluginRegistry registry(plugin_directories(plugin_dirs));
  if (as_json) {
    std::cout << json::dump(list_json(registry), {.indent = 2}) << "\n";
    return 0;
  }
  Rows rows{{"id", "version", "report_to", "available", "description"}};
  for (const auto& plugin : registry.plugins()) {
    const auto [available, reason] = tracker_available(plugin);
    rows.push_back({plugin.note.id, plugin.note.version, plugin.note.report_to.empty() ? "-" : plugin.note.report_to,
                    available, plugin.note.description + (reason.empty() ? "" : " Not available: " + reason)});
  }
  print_table(rows, line_width);
  for (const auto& sentence : problems_of(registry)) print_line(sentence);
  print_line("searched: " + registry.places());
  return 0;
}

int plugins_forgive(const std::string& given, const std::vector<std::filesystem::path>& plugin_dirs) {
  std::filesystem::path file = given;
  if (!std::filesystem::exists(file))
    file = PluginRegistry(plugin_directories(plugin_dirs)).require(given, "plugins forgive").path;
  if (!forgive_plugin(PluginParts(std::filesystem::absolute(file).lexically_normal()).digest()))
    throw_usage(error_id::command_usage, file.string() + " is not in quarantine; there is nothing to forgive");
  print_line(file.string() + " is forgiven; it is tried again when it is next loaded");
  return 0;
}

// In a process that is run for it: its answer is a record.
int plugins_trial(const std::filesystem::path& file) {
  begin_child();
  return write_record(trial_answer([&] { PluginLibrary::load(read_plugin_file(file), TrialLoad::done); }));
}

// Of any system: what is in a .dll can be seen on Linux, too.
int plugins_inspect(const std::filesystem::path& given, bool as_json) {
  const auto path = std::filesystem::absolute(given).lexically_normal();
  const InputFile file(path);
  const LibraryFile library = read_any_library_file(file);
  const PluginFile plugin = check_plugin_file(path, library, file.distrust());
  const PluginNote& note = plugin.note;
  if (as_json) {
    std::cout << json::dump(inspection(plugin, library), {.indent = 2}) << "\n";
    return 0;
  }
  Rows rows{{"file", plugin.path.string()},
            {"id", note.id},
            {"version", note.version},
            {"system", std::string(library.system()) + (library.format == this_format ? "" : ", not this one")},
            {"abi", abi_of(note)},
            {"description", note.description}};
  if (!note.report_to.empty()) rows.push_back({"report_to", note.report_to});
  rows.push_back({"class", note.class_name});
  rows.push_back({"events", join(event_list(note.events))});
  add_config(rows, note.config);
  add_linkage(rows, library);
  print_table(rows);
  return 0;
}

}  // namespace trainer::command
