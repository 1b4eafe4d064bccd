// SPDX-License-Identifier: Apache-2.0
//
// A note's JSON, and a configuration resolved against its schema: the text before the first zero byte is the note, the
// rest what a run gives.
#include <trainer/plugin.h>

#include <cstring>

#include "discovery/plugin_config.hpp"
#include "fuzz.hpp"
#include "trainer/error.hpp"
#include "trainer/plugin_note.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = fuzz::text(data, size);
  const auto json = bytes.substr(0, bytes.find('\0'));
  const auto given = json.size() < bytes.size() ? bytes.substr(json.size() + 1) : std::string_view("{}");
  trainer_note head{};
  std::memcpy(head.magic, TRAINER_NOTE_MAGIC, sizeof head.magic);
  head.abi_major = TRAINER_ABI_MAJOR, head.abi_minor = TRAINER_ABI_MINOR;
  head.json_size = static_cast<std::uint32_t>(json.size());
  std::string section(reinterpret_cast<const char*>(&head), sizeof head);
  section += json;
  try {
    const auto note = trainer::parse_plugin_note(section, "plugin.so");
    fuzz::require(!note.id.empty() && note.id.size() <= 64, "an id");
    const auto config = trainer::json::parse(given, "config");
    if (!config.is_object()) return 0;
    const auto resolved = trainer::resolve_config(note.config, note.id, config.get_object(), "config");
    fuzz::require(resolved.size() == note.config.size(), "a value for each key of the schema");
    const auto again = trainer::resolve_config(note.config, note.id, resolved, "config");
    fuzz::require(again == resolved || trainer::json::dump(again) == trainer::json::dump(resolved),
                  "what was resolved stays as it is");
  } catch (const trainer::Error&) {
  }
  return 0;
}
