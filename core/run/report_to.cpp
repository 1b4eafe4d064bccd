// SPDX-License-Identifier: Apache-2.0
#include "run/report_to.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <future>
#include <set>
#include <system_error>
#include <thread>

#include "base/text.hpp"
#include "border/plugin_host.hpp"
#include "border/watchdog.hpp"
#include "discovery/platform.hpp"
#include "discovery/plugin_config.hpp"
#include "isolation/plugin_process.hpp"
#include "loading/plugin_library.hpp"
#include "state/moment.hpp"
#include "trainer/error.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

// get_reporting_integration_callbacks and "all" in transformers' integration_utils.py go in this
// order.
constexpr std::array<std::string_view, 13> transformers_order = {
    "azure_ml", "comet_ml",   "dagshub", "dvclive", "mlflow",  "neptune", "tensorboard",
    "wandb",    "codecarbon", "clearml", "swanlab", "trackio", "kubeflow"};

std::size_t rank(const PluginFile& file) {
  const auto& name = file.note.report_to;
  return static_cast<std::size_t>(std::find(transformers_order.begin(), transformers_order.end(), name) -
                                  transformers_order.begin());
}

Tracker plain(const PluginFile& file, bool asked_for) { return {file, file.note.report_to, "", {}, asked_for}; }

// A name of report_to in its parts: "python", "@>=0.1" and ":mlflow" of "python@>=0.1:mlflow".
struct Name {
  explicit Name(std::string_view text)
      : plugin(text.substr(0, text.find_first_of("@:"))), versions(text.substr(plugin.size())) {
    const auto colon = std::min(versions.find(':'), versions.size());
    callback = versions.substr(colon);
    versions.resize(colon);
  }
  std::string plain() const { return plugin + callback; }
  std::string plugin, versions, callback;
};

// What nobody named must not be the reason that a run fails to start.
bool is_available(const PluginFile& file, const HostContext& context, const IsolationOf& isolation_of) {
  try {
    const auto isolation = isolation_of(file, file.note.report_to);
    const Availability found =
        isolation ? availability(file, context, *isolation) : availability_in_time(file, context);
    if (found.use != Availability::yes) log::debug("report_to leaves out " + file.note.report_to + ": " + found.reason);
    return found.use == Availability::yes;
  } catch (const Error& e) {
    log::warning(with_id(e.sentence() + "; report_to leaves it out", e.id()));
    return false;
  }
}

// Of one name, the first that was found.
std::vector<const PluginFile*> first_trackers(const PluginRegistry& registry) {
  std::vector<const PluginFile*> first;
  for (const PluginFile* file : registry.trackers())
    if (std::none_of(first.begin(), first.end(),
                     [&](const PluginFile* other) { return other->note.report_to == file->note.report_to; }))
      first.push_back(file);
  return first;
}

// No plugin takes the place of another in silence.
void tell_twins(const PluginFile& used, const PluginRegistry& registry) {
  for (const Twin& twin : twins(registry))
    if (twin.used == &used)
      log::warning("report_to \"" + used.note.report_to + "\" is the plugin " + used.note.id + " (" +
                   used.path.string() + "); " + twin.later->note.id + " (" + twin.later->path.string() +
                   ") has the same name and was found later");
}

Availability ask(const PluginLibrary& library, const HostContext& context, const json::object& config,
                 std::string_view config_place) {
  const PluginNote& note = library.file().note;
  const PluginHost host(note.id, resolve_config(note.config, note.id, config, config_place), context);
  return ask_availability(library, &host);
}

using Made = std::function<bool(const Tracker&)>;

std::vector<Tracker> all_available(const PluginRegistry& registry, const HostContext& context, const Made& made,
                                   const IsolationOf& isolation_of) {
  std::vector<const PluginFile*> installed = first_trackers(registry);
  std::stable_sort(installed.begin(), installed.end(), [](const auto* a, const auto* b) {
    return std::pair(rank(*a), a->note.report_to) < std::pair(rank(*b), b->note.report_to);
  });
  std::vector<Tracker> out;
  std::set<std::string> stores;
  std::erase_if(installed, [&](const PluginFile* file) {
    if (!made(plain(*file, false))) return false;
    if (!file->note.store.empty()) stores.insert(file->note.store);
    return true;
  });
  for (const PluginFile* file : installed) {
    const std::string& store = file->note.store;
    if (stores.count(store) || !is_available(*file, context, isolation_of)) continue;
    tell_twins(*file, registry);
    out.push_back(plain(*file, false));
    if (!store.empty()) stores.insert(store);
  }
  return out;
}

[[noreturn]] void throw_unknown(const std::string& name, const PluginRegistry& registry) {
  std::vector<std::string> names;
  std::string known;
  for (const auto* file : registry.trackers()) {
    names.push_back(file->note.report_to);
    known += (known.empty() ? "" : ", ") + file->note.report_to;
  }
  const std::string near = nearest(Name(name).plugin, names);
  throw_usage(error_id::report_to_invalid, "args.report_to names \"" + name + "\", which is not an installed tracker" +
                                               (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                                               " (available: " + (known.empty() ? "none" : known) + "; searched " +
                                               registry.places() + ")");
}

// "python:mlflow": a plugin that runs other programs' callbacks, and which one.
Tracker with_callback(const Name& name, const std::string& where, const PluginRegistry& registry) {
  const PluginFile& file = registry.require(name.plugin + name.versions, where);
  if (!file.note.config.contains("callback"))
    throw_usage(error_id::report_to_invalid,
                where + ", but the plugin " + file.note.id + " has no setting \"callback\"; name it without the colon");
  return {file, name.plain(), name.versions, {{"callback", name.callback.substr(1)}}, true};
}

/// What a name stands for: "python:wandb" is wandb, by another program.
std::string_view tracked(std::string_view name) {
  const auto colon = name.find(':');
  return colon == name.npos ? name : name.substr(colon + 1);
}

/// Whether it is in the list already, which one with another name is told.
bool is_there(const std::vector<Tracker>& trackers, const std::string& name) {
  for (const Tracker& other : trackers) {
    if (tracked(other.name) != tracked(name)) continue;
    if (other.name != name)
      log::warning("args.report_to names \"" + other.name + "\" and \"" + name +
                   "\", which log the same run to the same place; the first is used");
    return true;
  }
  return false;
}

Tracker named(const std::string& given, const PluginRegistry& registry, const HostContext& context, const Made& made,
              const IsolationOf& isolation_of) {
  const Name name(given);
  const std::string where = "args.report_to names \"" + given + "\"";
  if (!name.callback.empty()) return with_callback(name, where, registry);
  const PluginFile* file = registry.require_tracker(given, where);
  if (!file) throw_unknown(given, registry);
  tell_twins(*file, registry);
  Tracker tracker = plain(*file, true);
  tracker.versions = name.versions;
  if (made(tracker) || isolation_of(*file, name.plain())) return tracker;  // it is asked when it is made
  tracker.library = PluginLibrary::load(*file);
  require_available(*tracker.library, context, {}, where, "report_to");
  return tracker;
}

}  // namespace

std::string without_versions(std::string_view name) { return Name(name).plain(); }

Availability availability(const PluginFile& file, const HostContext& context) {
  return ask(*PluginLibrary::load(file), context, {}, "report_to");
}

Availability availability(const PluginFile& file, const HostContext& context, const Isolation& isolation) {
  return isolation::PluginProcess(file, isolation, context).available({}, "report_to");
}

void require_available(const PluginLibrary& library, const HostContext& context, const json::object& config,
                       const std::string& where, std::string_view config_place) {
  require_use(ask(library, context, config, config_place), where);
}

void require_use(const Availability& found, const std::string& where) {
  if (found.use == Availability::no)
    throw_usage(error_id::tracker_unavailable, where + ", which is not available here: " + found.reason);
}

Availability availability_in_time(const PluginFile& file, const HostContext& context) {
  // What the thread uses, which may outlive this call.
  struct Asked {
    PluginFile file;
    TrainingArguments args;
    HostContext context;
    std::promise<Availability> answer;
    std::atomic<Moment*> moment{nullptr};
  };
  const auto limit = Watchdog::deadline();
  const auto asked = std::make_shared<Asked>();
  asked->file = file;
  if (context.args) asked->args = *context.args;
  asked->context.args = &asked->args;
  asked->context.replay = context.replay;
  auto answer = asked->answer.get_future();
  std::thread thread;
  try {
    thread = std::thread([asked] {
      moment().watched = Watched::by_caller;
      asked->moment = &moment();
      try {
        asked->answer.set_value(availability(asked->file, asked->context));
      } catch (...) {
        asked->answer.set_exception(std::current_exception());
      }
    });
  } catch (const std::system_error&) {  // no thread is to be had
    return availability(file, context);
  }
  while (limit.count() > 0 && answer.wait_for(limit) != std::future_status::ready) {
    if (platform::is_traced()) continue;
    thread.detach();
    if (Moment* its = asked->moment) its->watched = Watched::no_more;
    throw_run(error_id::callback_slow, "plugin " + file.note.id + " (" + file.path.string() + ") did not say within " +
                                           json::repr(limit.count()) +
                                           " s (TRAINER_PLUGIN_DEADLINE) whether it is available; --without " +
                                           file.note.id + " does not ask it");
  }
  thread.join();
  return answer.get();
}

std::vector<Twin> twins(const PluginRegistry& registry) {
  std::vector<Twin> found;
  const auto first = first_trackers(registry);
  for (const PluginFile* file : registry.trackers())
    for (const PluginFile* used : first)
      if (used != file && used->note.report_to == file->note.report_to) found.push_back({file, used});
  return found;
}

std::vector<Tracker> resolve_report_to(const std::vector<std::string>& report_to, const PluginRegistry& registry,
                                       const HostContext& context, const Made& made, const IsolationOf& isolation_of) {
  std::vector<Tracker> out;
  if (report_to == std::vector<std::string>{"all"}) {
    out = all_available(registry, context, made, isolation_of);
  } else if (report_to != std::vector<std::string>{"none"}) {
    for (const std::string& given : report_to)
      if (const auto name = Name(given).plain(); !registry.leaves_out(name) && !is_there(out, name))
        out.push_back(named(given, registry, context, made, isolation_of));
  }
  for (const PluginFile* file : first_trackers(registry)) {
    const bool there = made(plain(*file, false)) || std::any_of(out.begin(), out.end(), [&](const Tracker& tracker) {
                         return tracker.name == file->note.report_to;
                       });
    if (!file->note.always || there || !is_available(*file, context, isolation_of)) continue;
    tell_twins(*file, registry);
    out.push_back(plain(*file, false));
  }
  return out;
}

}  // namespace trainer
