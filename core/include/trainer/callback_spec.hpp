// SPDX-License-Identifier: Apache-2.0
//
// The callbacks that a run is to have: objects, classes, and plugins by their ids.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/callback_entry.hpp"
#include "trainer/isolation.hpp"
#include "trainer/process.hpp"

struct trainer_plugin;

namespace trainer {

class CallbackHandler;
class PluginRegistry;
struct HostContext;

/// A plugin that is to be a callback of a run.
struct PluginCallback {
  std::string plugin;  ///< id, and perhaps which versions: "monitor", "monitor@1.2", "monitor@>=1.2,<2"
  json::object config = {};
  OnError on_error = OnError::fail;
  std::string where = "callbacks";   ///< who asks for it, for messages
  std::optional<RunsOn> ranks = {};  ///< where it runs; unset: where it says that it does
  /// Whether it has a process of its own; unset: as PluginRegistry::isolates() and TRAINER_PLUGIN_ISOLATION say.
  std::optional<Isolation> isolation = {};
};

/// How a tracker of report_to runs; what is unset is as for others.
struct TrackerSettings {
  std::optional<OnError> on_error = {};
  std::optional<Isolation> isolation = {};
  std::string where = {};  ///< where it is given, for messages
};
/// By their names in report_to.
using TrackersSettings = std::map<std::string, TrackerSettings, std::less<>>;

/// A callback for a Trainer: an instance, a class, a plugin by its id, or one that was popped.
class CallbackSpec {
 public:
  using Make = std::function<std::shared_ptr<CallbackEntry>(const PluginRegistry&, const HostContext&)>;

  /// An instance, the same one in each Trainer that gets this.
  template <typename T>
  CallbackSpec(std::shared_ptr<T> instance)
      : make_([instance = std::move(instance)](auto&, auto&) { return native_entry(instance); }) {}
  /// What pop_callback() gave; a plugin's goes back to its Trainer alone.
  CallbackSpec(std::shared_ptr<CallbackEntry> popped);

  /// A class: each Trainer makes its own, with copies of these arguments.
  template <typename T, typename... Arguments>
  static CallbackSpec of(Arguments... arguments) {
    auto make = [arguments...] { return std::make_shared<T>(arguments...); };
    return CallbackSpec(Make([make = std::move(make)](auto&, auto&) { return native_entry(make(), make); }));
  }
  static CallbackSpec plugin(PluginCallback spec);
  static CallbackSpec plugin(std::string name, json::object config = {});
  /// A plugin that is compiled into this program: trainer::sdk::plugin_table<Hello>(), or what its entry gives. It is
  /// treated as one of a file; the table is kept as it is. A usage Error when it or its note is not as it should be.
  static CallbackSpec plugin(const trainer_plugin& table, json::object config = {}, OnError on_error = OnError::fail);

  std::shared_ptr<CallbackEntry> make(const PluginRegistry& registry, const HostContext& context) const {
    return make_(registry, context);
  }

  const std::string& plugin_id() const { return plugin_id_; }      ///< empty when it is not a plugin
  const std::string& plugin_name() const { return plugin_name_; }  ///< with its versions; empty: of no file
  const json::object& config() const { return config_; }           ///< of a plugin

 private:
  explicit CallbackSpec(Make make) : make_(std::move(make)) {}
  Make make_;
  std::string plugin_id_, plugin_name_;
  json::object config_;
};

/// Adds one at the end. Nothing for a plugin that the registry leaves out. A usage Error for a plugin that the run has
/// from another file already.
void add_callback(CallbackHandler& handler, const CallbackSpec& callback, const PluginRegistry& registry,
                  const HostContext& context);

/// Adds the trackers of `report_to`, then `callbacks`, in the order in which they are called. A
/// tracker that the callbacks name, with a configuration perhaps, is not made a second time, nor is one
/// that they name twice with one configuration.
/// `settings`: of trackers that are not as the others. A tracker's failure means OnError::disable otherwise.
void add_callbacks(CallbackHandler& handler, const std::vector<std::string>& report_to,
                   const TrackersSettings& settings, const std::vector<CallbackSpec>& callbacks,
                   const PluginRegistry& registry, const HostContext& context);

}  // namespace trainer
