// SPDX-License-Identifier: Apache-2.0
//
// Which trackers a run reports to.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "loading/availability.hpp"
#include "trainer/host_context.hpp"
#include "trainer/isolation.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {

class PluginLibrary;

/// Asks a tracker whether it can be used here without a configuration. Loads the plugin.
Availability availability(const PluginFile& file, const HostContext& context);

/// The same in a process of its own.
Availability availability(const PluginFile& file, const HostContext& context, const Isolation& isolation);

/// A usage Error for a tracker that cannot work. `where`: who wants it.
void require_use(const Availability& found, const std::string& where);

/// A usage Error, which says why and what to do, for a tracker that cannot work with this configuration. That is
/// checked as for an instance. `where`: who wants the tracker; `config_place`: where the configuration stands.
void require_available(const PluginLibrary& library, const HostContext& context, const json::object& config,
                       const std::string& where, std::string_view config_place);

/// The same of a tracker that nobody named, which must not hold up the others: asked on a thread of its own, which is
/// left behind when it has not answered at the watchdog's deadline. That is an Error, as is anything else.
Availability availability_in_time(const PluginFile& file, const HostContext& context);

/// Trackers whose report_to name belongs to one that was found before; that one is used.
struct Twin {
  const PluginFile *later, *used;
};
std::vector<Twin> twins(const PluginRegistry& registry);

/// "python:mlflow" of "python@>=0.1:mlflow".
std::string without_versions(std::string_view name);

/// A tracker that a run uses.
struct Tracker {
  PluginFile file;
  std::string name;                                  ///< as report_to names it: "tensorboard", "python:mlflow"
  std::string versions;                              ///< that it takes, "@>=1.2"; empty: all
  json::object config;                               ///< of its instance
  bool asked_for;                                    ///< named, and not only part of "all" or one that always joins
  std::shared_ptr<PluginLibrary> library = nullptr;  ///< when it was loaded already, to be asked
};

inline bool no_tracker(const Tracker&) { return false; }

/// Whether a plugin gets a process of its own as the tracker of that name; the trackers are asked there then.
using IsolationOf = std::function<std::optional<Isolation>(const PluginFile&, std::string_view name)>;
inline std::optional<Isolation> no_isolation(const PluginFile&, std::string_view) { return std::nullopt; }

/// The trackers that args.report_to means, in the order in which they are called. "all": every
/// installed tracker that is available, in transformers' order and then by name, but one for each
/// store; "none" or an empty list: none; names: those, in the order given, each once. "PLUGIN:CALLBACK" is
/// that plugin with the configuration {"callback": CALLBACK}, and counts as the tracker CALLBACK. "mlflow@>=1.2" takes
/// only these versions of the plugin. A tracker whose note says "always" comes last when it is available. A name that
/// is missing or unavailable is an Error that says why, what there is, and what to do. `made`: what the run's own
/// callbacks make, with a configuration perhaps. These are not asked, and count for their store.
std::vector<Tracker> resolve_report_to(const std::vector<std::string>& report_to, const PluginRegistry& registry,
                                       const HostContext& context,
                                       const std::function<bool(const Tracker&)>& made = no_tracker,
                                       const IsolationOf& isolation_of = no_isolation);

/// The same of rank 0, in all processes of a run, each of which must call it; nothing else asks the trackers there.
std::vector<Tracker> agreed_report_to(const std::vector<std::string>& report_to, const PluginRegistry& registry,
                                      const HostContext& context, const std::function<bool(const Tracker&)>& made,
                                      const IsolationOf& isolation_of = no_isolation);

}  // namespace trainer
