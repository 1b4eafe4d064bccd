// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "trainer/json.hpp"

namespace trainer {

/// A plugin's note: what it says of itself, readable without running it. The keys are explained in
/// trainer/plugin.h.
struct PluginNote {
  std::string id;
  std::string version;
  std::string description;   ///< empty when the note has none
  std::string report_to;     ///< empty: not a tracker
  std::string store;         ///< of trackers with the same store, "all" takes the first available
  bool always = false;       ///< joins every report_to when it is available
  std::string class_name;    ///< the key in `stateful_callbacks`; the id by default
  std::uint32_t events = 0;  ///< bit (1 << TRAINER_ON_...) for each event subscribed
  json::object config;       ///< schema: an object for each key, checked
  std::uint32_t abi_major = 0;
  std::uint32_t abi_minor = 0;  ///< the lowest that the plugin needs
  std::string json;             ///< the note's text as it stands in the file

  bool has_event(std::uint32_t kind) const { return (events >> kind & 1u) != 0; }
};

/// Reads the content of a plugin's note section: magic, ABI, sizes, JSON, keys, config schema.
/// `where` (the file's path) starts the sentence of the usage Error for a note that is not as it
/// should be.
PluginNote parse_plugin_note(std::string_view section, std::string_view where);

/// Refuses a plugin that this host cannot load: the majors must be equal and the plugin's minor not
/// above the host's; while the major is 0 the minors must be equal too.
void require_compatible_abi(std::uint32_t major, std::uint32_t minor, std::string_view where);

/// Refuses a schema that is not as trainer/plugin.h says, defaults that break their own rules too.
void require_valid_schema(const json::object& schema, std::string_view where);

/// The configuration of one instance: what the run gave, checked against the note's schema, in the
/// schema's order, with defaults filled in. Values stay as they were given: 1 for a "number"
/// remains an integer. `where` is the place in the run file ("run.json: callbacks[0].config"). A
/// usage Error for a key that is unknown or missing, and for a value of a wrong type or out of
/// range.
json::object resolve_config(const PluginNote& note, const json::object& given, std::string_view where);

}  // namespace trainer
