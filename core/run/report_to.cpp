// SPDX-License-Identifier: Apache-2.0
#include "run/report_to.hpp"

#include <algorithm>
#include <array>
#include <set>

#include "base/text.hpp"
#include "border/plugin_host.hpp"
#include "loading/plugin_library.hpp"
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

Tracker plain(const PluginFile& file) { return {file, file.note.report_to, {}}; }

// What nobody named must not be the reason that a run fails to start.
bool is_available(const PluginFile& file, const HostContext& context) {
  try {
    const Availability found = availability(file, context);
    if (found.use != Availability::yes) log::debug("report_to leaves out " + file.note.report_to + ": " + found.reason);
    return found.use == Availability::yes;
  } catch (const Error& e) {
    log::warning(with_id(e.sentence() + "; report_to leaves it out", e.id()));
    return false;
  }
}

std::vector<Tracker> all_available(const PluginRegistry& registry, const HostContext& context) {
  std::vector<const PluginFile*> installed = registry.trackers();
  std::stable_sort(installed.begin(), installed.end(), [](const auto* a, const auto* b) {
    return std::pair(rank(*a), a->note.report_to) < std::pair(rank(*b), b->note.report_to);
  });
  std::vector<Tracker> out;
  std::set<std::string> stores;
  for (const PluginFile* file : installed) {
    const std::string& store = file->note.store;
    if (stores.count(store) || !is_available(*file, context)) continue;
    out.push_back(plain(*file));
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
  const std::string near = nearest(name, names);
  throw_usage(error_id::report_to_invalid, "args.report_to names \"" + name + "\", which is not an installed tracker" +
                                               (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                                               " (available: " + (known.empty() ? "none" : known) + "; looked in " +
                                               registry.places() + ")");
}

// "python:mlflow": a plugin that runs other programs' callbacks, and which one.
Tracker with_callback(const std::string& name, std::size_t colon, const PluginRegistry& registry) {
  const std::string where = "args.report_to names \"" + name + "\"";
  const PluginFile& file = registry.require(name.substr(0, colon), where);
  if (!file.note.config.contains("callback"))
    throw_usage(error_id::report_to_invalid,
                where + ", but the plugin " + file.note.id + " has no setting \"callback\"; name it without the colon");
  return {file, name, {{"callback", name.substr(colon + 1)}}};
}

Tracker named(const std::string& name, const PluginRegistry& registry, const HostContext& context) {
  if (const auto colon = name.find(':'); colon != name.npos) return with_callback(name, colon, registry);
  for (const PluginFile* file : registry.trackers()) {
    if (file->note.report_to != name) continue;
    const Availability found = availability(*file, context);
    if (found.use == Availability::no)
      throw_usage(error_id::tracker_unavailable,
                  "args.report_to names \"" + name + "\", which is not available here: " + found.reason);
    return plain(*file);
  }
  throw_unknown(name, registry);
}

}  // namespace

Availability availability(const PluginFile& file, const HostContext& context) {
  const PluginHost host(file.note.id, {}, context);
  return ask_availability(*PluginLibrary::load(file), &host);
}

std::vector<Tracker> resolve_report_to(const std::vector<std::string>& report_to, const PluginRegistry& registry,
                                       const HostContext& context) {
  std::vector<Tracker> out;
  if (report_to == std::vector<std::string>{"all"}) {
    out = all_available(registry, context);
  } else if (report_to != std::vector<std::string>{"none"}) {
    for (const std::string& name : report_to)
      if (!registry.leaves_out(name)) out.push_back(named(name, registry, context));
  }
  for (const PluginFile* file : registry.trackers()) {
    const bool there = std::any_of(out.begin(), out.end(),
                                   [&](const Tracker& tracker) { return tracker.name == file->note.report_to; });
    if (file->note.always && !there && is_available(*file, context)) out.push_back(plain(*file));
  }
  return out;
}

}  // namespace trainer
