// SPDX-License-Identifier: Apache-2.0
#include "trainer/callback_spec.hpp"

#include <algorithm>
#include <iterator>

#include "border/watchdog.hpp"
#include "discovery/plugin_config.hpp"
#include "loading/plugin_entry.hpp"
#include "loading/plugin_library.hpp"
#include "loading/plugin_ranks.hpp"
#include "run/report_to.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {

namespace {

// Checkpoints hold states by class: one of the same class would get, and write, the state of the other.
void tell_of_same_class(const CallbackEntry& entry, const PluginRegistry& registry) {
  if (!entry.plugin() || !entry.stateful()) return;
  const PluginNote& note = entry.plugin()->note;
  for (const PluginFile& other : registry.plugins())
    if (other.note.id != note.id && other.note.class_name == note.class_name)
      log::warning("the plugin " + note.id + " (" + entry.plugin()->place() + ") keeps its state as a " +
                   note.class_name + ", which is the class of the plugin " + other.note.id + " (" +
                   other.path.string() + "), too; a checkpoint has one place for both");
}

// Of a process alone nothing is asked.
bool is_elsewhere(const PluginLibrary& library, const std::optional<RunsOn>& ranks, const HostContext& context) {
  return context.process.world_size > 1 && !is_for(ranks ? *ranks : runs_on(library), context.process);
}

std::shared_ptr<CallbackEntry> make_entry(std::shared_ptr<PluginLibrary> library, const PluginCallback& callback,
                                          const HostContext& context) {
  if (is_elsewhere(*library, callback.ranks, context)) return make_elsewhere_entry(std::move(library));
  const std::string config_place = callback.where + ".config";
  if (!library->file().note.report_to.empty())
    require_available(*library, context, callback.config,
                      callback.where + " names the plugin \"" + callback.plugin + "\"", config_place);
  return make_plugin_entry(std::move(library), callback.config, callback.on_error, context, config_place);
}

}  // namespace

CallbackSpec::CallbackSpec(std::shared_ptr<CallbackEntry> popped)
    : make_([popped = std::move(popped)](auto&, const HostContext& context) {
        if (!popped) throw_usage(error_id::callback_invalid, "a callback given to the Trainer is null");
        if (popped->context() && popped->context() != &context)
          throw_usage(error_id::callback_invalid, "the plugin " + popped->name +
                                                      " was made for another Trainer and can be in no other; give "
                                                      "this one CallbackSpec::plugin(id, config)");
        return popped;
      }) {}

CallbackSpec CallbackSpec::plugin(PluginCallback spec) {
  std::string id = spec.plugin;
  json::object config = spec.config;
  CallbackSpec out([spec = std::move(spec)](const PluginRegistry& registry, const HostContext& context) {
    const Watchdog watchdog;
    const PluginFile& file = registry.require(spec.plugin, spec.where);
    resolve_config(file.note.config, file.note.id, spec.config, spec.where + ".config");  // before its code runs
    return make_entry(PluginLibrary::load(file), spec, context);
  });
  out.plugin_id_ = std::move(id);
  out.config_ = std::move(config);
  return out;
}

CallbackSpec CallbackSpec::plugin(std::string id, json::object config) {
  return plugin(PluginCallback{.plugin = std::move(id), .config = std::move(config)});
}

CallbackSpec CallbackSpec::plugin(const trainer_plugin& table, json::object config, OnError on_error) {
  const auto library = PluginLibrary::of_program(table);
  const PluginCallback callback{.plugin = library->file().note.id, .config = std::move(config), .on_error = on_error};
  CallbackSpec out([library, callback](const PluginRegistry&, const HostContext& context) {
    return make_entry(library, callback, context);
  });
  out.plugin_id_ = callback.plugin;
  out.config_ = callback.config;
  return out;
}

namespace {

/// The settings that are given: null is as good as none.
json::object given(json::object config) {
  for (auto it = config.begin(); it != config.end();) it = it->value().is_null() ? config.erase(it) : std::next(it);
  return config;
}

/// Whether the callbacks make this tracker: by its plugin, and of a plugin that runs several, by what chooses it. They
/// may give it more of a configuration.
bool makes(const CallbackSpec& spec, const Tracker& tracker) {
  if (spec.plugin_id() != tracker.file.note.id) return false;
  return std::all_of(tracker.config.begin(), tracker.config.end(), [&](const auto& entry) {
    const auto* value = spec.config().if_contains(entry.key());
    return value != nullptr && *value == entry.value();
  });
}

/// Two of one tracker would write the same file; two that are configured apart are meant to be two.
bool repeats(const CallbackSpec& spec, const CallbackSpec& earlier, const PluginRegistry& registry) {
  const std::string& id = spec.plugin_id();
  if (id.empty() || id != earlier.plugin_id() || given(spec.config()) != given(earlier.config())) return false;
  const auto trackers = registry.trackers();
  return std::any_of(trackers.begin(), trackers.end(), [&](const PluginFile* file) { return file->note.id == id; });
}

}  // namespace

void add_callback(CallbackHandler& handler, const CallbackSpec& callback, const PluginRegistry& registry,
                  const HostContext& context) {
  if (registry.leaves_out(callback.plugin_id())) return;
  auto entry = callback.make(registry, context);
  tell_of_same_class(*entry, registry);
  handler.add(std::move(entry));
}

void add_callbacks(CallbackHandler& handler, const std::vector<std::string>& report_to, OnError trackers_on_error,
                   const std::vector<CallbackSpec>& callbacks, const PluginRegistry& registry,
                   const HostContext& context) {
  const Watchdog watchdog;  // one for all of them
  const auto made = [&](const Tracker& tracker) {
    return std::any_of(callbacks.begin(), callbacks.end(), [&](const auto& spec) { return makes(spec, tracker); });
  };
  for (const Tracker& tracker : agreed_report_to(report_to, registry, context, made)) {
    if (made(tracker)) continue;
    try {
      const std::string where = "args.report_to \"" + tracker.name + "\"";
      auto library = tracker.library;
      if (!library) {
        resolve_config(tracker.file.note.config, tracker.file.note.id, tracker.config, where);  // before its code runs
        library = PluginLibrary::load(tracker.file);
      }
      auto entry = is_elsewhere(*library, {}, context)
                       ? make_elsewhere_entry(std::move(library))
                       : make_plugin_entry(std::move(library), tracker.config, trackers_on_error, context, where);
      entry->name = tracker.name;
      tell_of_same_class(*entry, registry);
      handler.add(std::move(entry));
    } catch (const Error& e) {
      if (tracker.asked_for) throw;
      log::warning(with_id(e.sentence() + "; report_to leaves it out", e.id()));
    }
  }
  for (auto spec = callbacks.begin(); spec != callbacks.end(); ++spec) {
    if (std::any_of(callbacks.begin(), spec, [&](const auto& other) { return repeats(*spec, other, registry); }))
      continue;
    add_callback(handler, *spec, registry, context);
  }
}

}  // namespace trainer
