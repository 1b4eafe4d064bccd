// SPDX-License-Identifier: Apache-2.0
#include "trainer/callback_spec.hpp"

#include <algorithm>
#include <iterator>

#include "border/watchdog.hpp"
#include "discovery/plugin_config.hpp"
#include "discovery/version_range.hpp"
#include "isolation/isolated_entry.hpp"
#include "isolation/words.hpp"
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
      log::warning("the plugin " + note.id + " (" + entry.plugin()->place() + ") keeps its state under the class " +
                   note.class_name + ", which is that of the plugin " + other.note.id + " (" + other.path.string() +
                   "), too; a checkpoint has one place for both");
}

// A run has one file of a plugin: its lock and its name would be those of both.
void require_one_file(const CallbackEntry& entry, const CallbackHandler& handler) {
  const PluginFile* file = entry.plugin();
  if (!file || file->path.empty()) return;
  for (const auto& other : handler.entries())
    if (const PluginFile* used = other->plugin();
        used && !used->path.empty() && used->note.id == file->note.id && used->path != file->path)
      throw_usage(error_id::plugin_version, "the run has the plugin " + file->note.id + " from " + used->path.string() +
                                                ", version " + used->note.version + ", and from " +
                                                file->path.string() + ", version " + file->note.version +
                                                ", expected one of them; name the same versions in both places");
}

// One that is made already, with other versions perhaps, stands for this one, too.
void require_taken(const std::string& id, const std::string& name, const std::string& where,
                   const CallbackHandler& handler) {
  const auto wanted = PluginName::parse(name, where);
  for (const auto& entry : handler.entries())
    if (const PluginFile* used = entry->plugin();
        used && used->note.id == id && !wanted.versions.takes(used->note.version))
      throw_usage(error_id::plugin_version, where + ", and the run has it from " + used->place() + ", version " +
                                                used->note.version + "; name the same versions in both places");
}

bool is_elsewhere(RunsOn where, const HostContext& context) {
  return context.process.world_size > 1 && !is_for(where, context.process);
}

// Of a process alone nothing is asked.
bool is_elsewhere(const PluginLibrary& library, const std::optional<RunsOn>& ranks, const HostContext& context) {
  return context.process.world_size > 1 && is_elsewhere(ranks ? *ranks : runs_on(library), context);
}

// Whether the plugin, as a tracker perhaps under another name, has a process of its own, and how it runs there.
std::optional<Isolation> isolation_for(const PluginFile& file, std::string_view name,
                                       const std::optional<Isolation>& given, const PluginRegistry& registry) {
  std::optional<Isolation> found = given;
  if (!found && (registry.isolates(file.note.id) || registry.isolates(name))) found = Isolation{};
  if (!found) found = isolation_of_environment();
  return found && found->process ? found : std::nullopt;
}

void require_process_for(OnError on_error, const std::string& plugin, const std::string& where) {
  if (on_error == OnError::restart)
    throw_usage(error_id::isolation_invalid,
                where + R"(.on_error is "restart", which starts the process of a plugin again, but )" + plugin +
                    R"( has none of its own; add "isolation": "process")");
}

// `who`: asks for it, for the sentence about a tracker that is not available.
std::shared_ptr<CallbackEntry> make_in_process(const PluginFile& file, const Isolation& isolation,
                                               const PluginCallback& callback, const std::string& config_place,
                                               const std::string& who, const HostContext& context) {
  if (callback.ranks && is_elsewhere(*callback.ranks, context)) return make_elsewhere_entry(PluginLibrary::check(file));
  auto process = std::make_shared<isolation::PluginProcess>(file, isolation, context);
  if (!callback.ranks && is_elsewhere(process->runs_on(), context)) return make_elsewhere_entry(process->file());
  if (!file.note.report_to.empty()) require_use(process->available(callback.config, config_place), who);
  return make_isolated_entry(std::move(process), callback.config, callback.on_error, context, config_place);
}

// What its process does to itself before there is an instance is a failure like those that follow, unlike what the
// plugin refuses. In its place stands a callback that does nothing.
std::shared_ptr<CallbackEntry> make_isolated(const PluginFile& file, const Isolation& isolation,
                                             const PluginCallback& callback, const std::string& config_place,
                                             const std::string& who, const HostContext& context) {
  for (int restarts = 1;; ++restarts) try {
      return make_in_process(file, isolation, callback, config_place, who, context);
    } catch (const Error& e) {
      const std::string_view id = e.id().text;
      const bool is_its_process = id == error_id::isolation_ended.text || id == error_id::isolation_silent.text;
      if (!is_its_process || callback.on_error == OnError::fail) throw;
      const bool again = callback.on_error == OnError::restart;
      log::warning(
          with_id(e.sentence() + (again ? isolation::restart_text(restarts) : "; the run goes on without it"), e.id()));
      if (again && restarts <= isolation::most_restarts) continue;
      auto entry = make_elsewhere_entry(PluginLibrary::check(file));
      entry->cost.errors = static_cast<std::uint64_t>(restarts);
      return entry;
    }
}

std::shared_ptr<CallbackEntry> make_entry(std::shared_ptr<PluginLibrary> library, const PluginCallback& callback,
                                          const HostContext& context) {
  require_process_for(callback.on_error, callback.plugin, callback.where);
  if (is_elsewhere(*library, callback.ranks, context)) return make_elsewhere_entry(library->file());
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

namespace {

// A process of its own would need a file to load.
void tell_not_isolated(const std::string& plugin, const PluginRegistry& registry) {
  const std::string sentence = "the plugin " + plugin + " is compiled into this program and runs in its process";
  if (registry.isolates(plugin))
    throw_usage(error_id::isolation_invalid, sentence + ", expected a plugin in a file of its own to isolate");
  if (const auto all = isolation_of_environment(); all && all->process)
    log::info(sentence + ", whatever TRAINER_PLUGIN_ISOLATION says");
}

}  // namespace

CallbackSpec CallbackSpec::plugin(PluginCallback spec) {
  auto [id, versions, name] = PluginName::parse(spec.plugin, spec.where + ": plugin \"" + spec.plugin + "\"");
  json::object config = spec.config;
  CallbackSpec out([spec = std::move(spec)](const PluginRegistry& registry, const HostContext& context) {
    const Watchdog watchdog;
    const PluginFile& file = registry.require(spec.plugin, spec.where);
    resolve_config(file.note.config, file.note.id, spec.config, spec.where + ".config");  // before its code runs
    if (const auto isolation = isolation_for(file, file.note.report_to, spec.isolation, registry))
      return make_isolated(file, *isolation, spec, spec.where + ".config",
                           spec.where + " names the plugin \"" + spec.plugin + "\"", context);
    return make_entry(PluginLibrary::load(file), spec, context);
  });
  out.plugin_id_ = std::move(id);
  out.plugin_name_ = std::move(name);
  out.config_ = std::move(config);
  return out;
}

CallbackSpec CallbackSpec::plugin(std::string name, json::object config) {
  return plugin(PluginCallback{.plugin = std::move(name), .config = std::move(config)});
}

CallbackSpec CallbackSpec::plugin(const trainer_plugin& table, json::object config, OnError on_error) {
  const auto library = PluginLibrary::of_program(table);
  const PluginCallback callback{.plugin = library->file().note.id, .config = std::move(config), .on_error = on_error};
  CallbackSpec out([library, callback](const PluginRegistry& registry, const HostContext& context) {
    tell_not_isolated(callback.plugin, registry);
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
  require_one_file(*entry, handler);
  tell_of_same_class(*entry, registry);
  handler.add(std::move(entry));
}

namespace {

std::shared_ptr<CallbackEntry> make_tracker(const Tracker& tracker, const TrackerSettings& settings,
                                            const PluginRegistry& registry, const HostContext& context) {
  const std::string where = "args.report_to \"" + tracker.name + "\"";
  const PluginCallback callback{.plugin = tracker.file.note.id,
                                .config = tracker.config,
                                .on_error = settings.on_error.value_or(OnError::disable),
                                .where = where};
  if (!tracker.library)
    resolve_config(tracker.file.note.config, tracker.file.note.id, tracker.config, where);  // before its code runs
  if (const auto isolation = isolation_for(tracker.file, tracker.name, settings.isolation, registry))
    return make_isolated(tracker.file, *isolation, callback, where, "args.report_to names \"" + tracker.name + "\"",
                         context);
  require_process_for(callback.on_error, tracker.name, settings.where.empty() ? where : settings.where);
  auto library = tracker.library ? tracker.library : PluginLibrary::load(tracker.file);
  if (is_elsewhere(*library, {}, context)) return make_elsewhere_entry(library->file());
  return make_plugin_entry(std::move(library), tracker.config, callback.on_error, context, where);
}

}  // namespace

void add_callbacks(CallbackHandler& handler, const std::vector<std::string>& report_to,
                   const TrackersSettings& settings, const std::vector<CallbackSpec>& callbacks,
                   const PluginRegistry& registry, const HostContext& context) {
  const Watchdog watchdog;     // one for all of them
  isolation_of_environment();  // what is wrong with it is no tracker's matter
  const auto made = [&](const Tracker& tracker) {
    return std::any_of(callbacks.begin(), callbacks.end(), [&](const auto& spec) { return makes(spec, tracker); });
  };
  const auto settings_of = [&](std::string_view name) {
    const auto found = std::find_if(settings.begin(), settings.end(),
                                    [&](const auto& given) { return without_versions(given.first) == name; });
    const auto all = settings.find("all");
    return found != settings.end() ? found->second : all != settings.end() ? all->second : TrackerSettings{};
  };
  const auto isolation_of = [&](const PluginFile& file, std::string_view name) {
    return isolation_for(file, name, settings_of(name).isolation, registry);
  };
  const auto trackers = agreed_report_to(report_to, registry, context, made, isolation_of);
  for (const Tracker& tracker : trackers) {
    if (made(tracker)) continue;
    try {
      auto entry = make_tracker(tracker, settings_of(tracker.name), registry, context);
      entry->name = tracker.name;
      require_one_file(*entry, handler);
      tell_of_same_class(*entry, registry);
      handler.add(std::move(entry));
    } catch (const Error& e) {
      if (tracker.asked_for) throw;
      log::warning(with_id(e.sentence() + "; report_to leaves it out", e.id()));
    }
  }
  for (auto spec = callbacks.begin(); spec != callbacks.end(); ++spec) {
    if (std::any_of(callbacks.begin(), spec, [&](const auto& other) { return repeats(*spec, other, registry); }))
      require_taken(spec->plugin_id(), spec->plugin_name(), "callbacks name \"" + spec->plugin_name() + "\"", handler);
    else
      add_callback(handler, *spec, registry, context);
  }
  for (const Tracker& tracker : trackers)
    if (const auto name = tracker.name + tracker.versions; !tracker.versions.empty() && made(tracker))
      require_taken(tracker.file.note.id, name, "args.report_to names \"" + name + "\"", handler);
}

}  // namespace trainer
