// SPDX-License-Identifier: Apache-2.0
#include "trainer/callback_spec.hpp"

#include <algorithm>

#include "border/watchdog.hpp"
#include "loading/plugin_entry.hpp"
#include "run/report_to.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {

CallbackSpec CallbackSpec::plugin(PluginCallback spec) {
  std::string id = spec.plugin;
  CallbackSpec out([spec = std::move(spec)](const PluginRegistry& registry, const HostContext& context) {
    return make_plugin_entry(registry.require(spec.plugin, spec.where), spec.config, spec.on_error, context,
                             spec.where + ".config");
  });
  out.plugin_id_ = std::move(id);
  return out;
}

CallbackSpec CallbackSpec::plugin(std::string id, json::object config) {
  return plugin(PluginCallback{.plugin = std::move(id), .config = std::move(config)});
}

void add_callbacks(CallbackHandler& handler, const std::vector<std::string>& report_to, OnError trackers_on_error,
                   const std::vector<CallbackSpec>& callbacks, const PluginRegistry& registry,
                   const HostContext& context) {
  const Watchdog watchdog;  // one for all of them
  for (const Tracker& tracker : resolve_report_to(report_to, registry, context)) {
    const bool named = tracker.name == tracker.file.note.report_to &&
                       std::any_of(callbacks.begin(), callbacks.end(),
                                   [&](const auto& spec) { return spec.plugin_id() == tracker.file.note.id; });
    if (named) continue;
    try {
      auto entry = make_plugin_entry(tracker.file, tracker.config, trackers_on_error, context,
                                     "args.report_to \"" + tracker.name + "\"");
      entry->name = tracker.name;
      handler.add(std::move(entry));
    } catch (const Error& e) {
      if (tracker.asked_for) throw;
      log::warning(with_id(e.sentence() + "; report_to leaves it out", e.id()));
    }
  }
  for (const CallbackSpec& spec : callbacks)
    if (!registry.leaves_out(spec.plugin_id())) handler.add(spec.make(registry, context));
}

}  // namespace trainer
