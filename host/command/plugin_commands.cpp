// SPDX-License-Identifier: Apache-2.0
//
// plugins list, plugins inspect, plugins forgive.
#include <iostream>

#include "base/text.hpp"
#include "command/options.hpp"
#include "command/print.hpp"
#include "discovery/elf_file.hpp"
#include "discovery/input_file.hpp"
#include "loading/plugin_parts.hpp"
#include "loading/quarantine.hpp"
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

json::object inspection(const PluginFile& plugin, const ElfFile& elf) {
  json::object out{{"path", plugin.path.string()},
                   {"abi", abi_of(plugin.note)},
                   {"note", json::parse(plugin.note.json, plugin.path.string())},
                   {"needed", json::array(elf.needed.begin(), elf.needed.end())}};
  json::array symbols;
  for (const auto& symbol : elf.symbols) symbols.push_back({{"name", symbol.name}, {"function", symbol.function}});
  json::object versions;
  for (const auto& version : elf.versions) {
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

void add_linkage(Rows& rows, const ElfFile& elf) {
  std::vector<std::string> symbols;
  for (const auto& symbol : elf.symbols) symbols.push_back(symbol.name);
  rows.push_back({"exports", join(symbols)});
  for (const auto& library : elf.needed) {
    std::vector<std::string> versions;
    for (const auto& version : elf.versions)
      if (version.library == library) versions.push_back(version.name);
    rows.push_back({"needs", library + (versions.empty() ? "" : " (" + join(versions) + ")")});
  }
}

std::string availability_text(const PluginFile& plugin, const HostContext& context) try {
  const Availability found = availability_in_time(plugin, context);
  if (found.use == Availability::yes) return "yes";
  return (found.use == Availability::when_named ? "when named: " : "no: ") + found.reason;
} catch (const Error& e) {
  return std::string("no: ") + e.what();
}

}  // namespace

int plugins_list(const std::vector<std::filesystem::path>& plugin_dirs) {
  const PluginRegistry registry(plugin_directories(plugin_dirs));
  TrainingArguments args;
  args.finalize();
  const HostContext context{.args = &args, .model_config_json = {}};
  std::vector<std::vector<std::string>> rows{{"id", "version", "report_to", "description", "available"}};
  for (const auto& plugin : registry.plugins()) {
    std::string available = "-";
    if (!plugin.note.report_to.empty()) {
      available = availability_text(plugin, context);
    }
    rows.push_back({plugin.note.id, plugin.note.version, plugin.note.report_to.empty() ? "-" : plugin.note.report_to,
                    plugin.note.description, available});
  }
  print_table(rows);
  for (const auto& problem : registry.problems()) print_line("not usable: " + with_id(problem.sentence, problem.id));
  for (const auto& bad : quarantined_plugins())
    print_line("in quarantine: " + bad.path + " since " + bad.date + ", when it was first loaded " + bad.reason);
  for (const auto& twin : registry.duplicates())
    print_line("left out: " + twin.path.string() + " has the id \"" + twin.id + "\" of " + twin.used.string() +
               ", which was found first");
  for (const auto& twin : twins(registry))
    print_line("not by report_to: " + twin.later->path.string() + " has the report_to \"" + twin.used->note.report_to +
               "\" of " + twin.used->path.string() + ", which was found first");
  print_line("looked in: " + registry.places());
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

int plugins_inspect(const std::filesystem::path& file, bool as_json) {
  const PluginFile plugin = read_plugin_file(file);
  const PluginNote& note = plugin.note;
  const ElfFile elf = read_elf_file(InputFile(plugin.path));
  if (as_json) {
    std::cout << json::dump(inspection(plugin, elf), {.indent = 2}) << "\n";
    return 0;
  }
  Rows rows{{"file", plugin.path.string()},
            {"id", note.id},
            {"version", note.version},
            {"abi", abi_of(note)},
            {"description", note.description}};
  if (!note.report_to.empty()) rows.push_back({"report_to", note.report_to});
  rows.push_back({"class", note.class_name});
  rows.push_back({"events", join(event_list(note.events))});
  add_config(rows, note.config);
  add_linkage(rows, elf);
  print_table(rows);
  return 0;
}

}  // namespace trainer::command
