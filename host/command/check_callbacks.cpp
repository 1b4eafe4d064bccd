// SPDX-License-Identifier: Apache-2.0
//
// Which callbacks a run has and which it has not, each with why.
#include <algorithm>

#include "base/text.hpp"
#include "command/available.hpp"
#include "command/check_report.hpp"
#include "discovery/version_range.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer::command {
namespace {

std::string why_in(const CallbackEntry& entry, const RunFile& run) {
  const PluginFile* plugin = entry.plugin();
  if (!plugin) return "built in";
  for (std::size_t i = 0; i < run.callbacks.size(); ++i)
    if (const auto wanted = PluginName::parse(run.callbacks[i].plugin, run.callbacks[i].where);
        wanted.name == plugin->note.id)
      return "callbacks[" + std::to_string(i) + "]" +
             (wanted.versions.takes_all() ? "" : ", " + wanted.text + ", version " + plugin->note.version);
  return "report_to";
}

}  // namespace

CheckLines check_callbacks(const Trainer& trainer, const RunFile& run, const RunOptions& options) {
  CheckLines lines;
  const auto& entries = trainer.callback_handler().entries();
  for (const auto& entry : entries)
    lines.emplace_back(lines.empty() ? "callbacks" : "", std::to_string(lines.size() + 1) + ". " + entry->name + ": " +
                                                             why_in(*entry, run) +
                                                             (entry->isolation() ? ", in a process of its own" : ""));
  PluginRegistry registry(plugin_directories(options.plugin_dirs));
  registry.leave_out(options.without);
  const auto& args = trainer.args();
  const bool all = args.report_to == std::vector<std::string>{"all"};
  std::vector<std::string> not_named;
  CheckLines out;
  for (const auto& plugin : registry.plugins()) {
    const auto& note = plugin.note;
    const bool in = std::any_of(entries.begin(), entries.end(), [&](const auto& entry) {
      return entry->plugin() && entry->plugin()->note.id == note.id;
    });
    if (note.report_to.empty() || in) continue;
    const bool without = registry.leaves_out(note.id) || registry.leaves_out(note.report_to);
    if (without) {
      out.emplace_back("", note.id + ": --without");
    } else if (all) {
      const auto [word, reason] = availability_of(plugin, {.args = &args, .model_config_json = {}});
      out.emplace_back("", note.id + ": " + word + (reason.empty() ? "" : ": " + reason));
    } else {
      not_named.push_back(note.report_to);
    }
  }
  if (!not_named.empty()) out.emplace_back("", "not in report_to: " + join(not_named));
  if (!out.empty()) out.front().first = "left out";
  lines.insert(lines.end(), out.begin(), out.end());
  return lines;
}

}  // namespace trainer::command
