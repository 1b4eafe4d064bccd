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

}  // namespace trainer
