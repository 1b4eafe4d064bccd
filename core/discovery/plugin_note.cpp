// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_note.hpp"

#include <trainer/plugin.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.hpp"
#include "discovery/plugin_config.hpp"
#include "trainer/error.hpp"
#include "trainer/event_names.hpp"

namespace trainer {
namespace {

constexpr std::array<std::string_view, 9> known_keys = {"id",        "version", "events", "description", "class",
                                                        "report_to", "store",   "always", "config"};

[[noreturn]] void refuse(std::string_view where, const std::string& rest) {
  throw_usage(error_id::plugin_note_invalid, std::string(where) + ": " + rest);
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}

// One key's text, or empty when it is absent. Control characters are refused, because these texts
// are printed on terminals.
std::string text_of(const json::object& note, std::string_view key, bool required, std::string_view where) {
  const json::value* found = note.if_contains(key);
  const std::string quoted = "\"" + std::string(key) + "\"";
  if (!found && !required) return {};
  if (!found) refuse(where, "its note has no " + quoted + "; add it to TRAINER_PLUGIN_DEFINE");
  const auto* string = found->if_string();
  if (!string || string->empty())
    refuse(where, "its note has " + (string ? "an empty string" : std::string(json::kind_name(*found))) + " as " +
                      quoted + ", expected a text; correct it in TRAINER_PLUGIN_DEFINE");
  if (std::any_of(string->begin(), string->end(),
                  [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }))
    refuse(where, "its note has a control character in " + quoted + "; write one line of text");
  return std::string(*string);
}

std::string name_of(const json::object& note, std::string_view key, bool required, std::string_view where) {
  auto text = text_of(note, key, required, where);
  if (!text.empty() && !is_name(text))
    refuse(where, "its note has the " + std::string(key) + " \"" + text +
                      "\", expected 1 to 64 of a-z, 0-9, '.', '_' and '-'; rename it");
  return text;
}

std::uint32_t events_of(const json::object& note, std::string_view where) {
  const json::value* found = note.if_contains("events");
  if (!found) refuse(where, "its note has no \"events\"; list the slots that are not null");
  const auto* list = found->if_array();
  if (!list)
    refuse(where, "its note has " + std::string(json::kind_name(*found)) +
                      " as \"events\", expected a list of names such as \"on_log\"");
  std::uint32_t mask = 0;
  for (const auto& item : *list) {
    const auto* name = item.if_string();
    const auto kind = name ? event_from_name(*name) : std::nullopt;
    if (!kind) {
      const std::vector<std::string> names(event_names.begin(), event_names.end());
      const auto near = name ? nearest(*name, names) : std::string();
      refuse(where, "its note lists the unknown event " + json::dump(item) +
                        (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                        (near.empty() ? ", expected one of on_init_end ... on_push_begin" : ""));
    }
    if (mask >> *kind & 1u)
      refuse(where, "its note lists the event \"" + std::string(*name) + "\" twice; once is enough");
    mask |= 1u << *kind;
  }
  return mask;
}

bool flag_of(const json::object& note, std::string_view key, std::string_view where) {
  const json::value* found = note.if_contains(key);
  if (!found) return false;
  if (!found->is_bool())
    refuse(where, "its note has " + std::string(json::kind_name(*found)) + " as \"" + std::string(key) +
                      "\", expected true or false");
  return found->get_bool();
}

void require_known_keys(const json::object& note, std::string_view where) {
  for (const auto& entry : note) {
    if (std::find(known_keys.begin(), known_keys.end(), entry.key()) != known_keys.end()) continue;
    const std::string key(entry.key());
    const auto near = nearest(key, {known_keys.begin(), known_keys.end()});
    refuse(where, "its note has the unknown key \"" + key + "\"" +
                      (near.empty() ? "; expected id, version, events, description, class, "
                                      "report_to, store, always or config"
                                    : "; did you mean \"" + near + "\"?"));
  }
}

json::value parse_json(const std::string& text, std::string_view where) try {
  return json::parse(text, std::string(where) + ": its note");
} catch (const Error& e) {
  throw_usage(error_id::plugin_note_invalid, e.sentence());
}

std::string version_text(std::uint32_t major, std::uint32_t minor) {
  return std::to_string(major) + "." + std::to_string(minor);
}

// The fixed part: magic, ABI and sizes. The JSON follows it.
trainer_note read_head(std::string_view section, std::string_view where) {
  trainer_note head;
  if (section.size() < sizeof head)
    refuse(where, "its note has " + std::to_string(section.size()) + " bytes, expected at least " +
                      std::to_string(sizeof head) + "; write it with TRAINER_PLUGIN_DEFINE");
  std::memcpy(&head, section.data(), sizeof head);
  static_assert(sizeof TRAINER_NOTE_MAGIC == sizeof head.magic);
  if (std::memcmp(head.magic, TRAINER_NOTE_MAGIC, sizeof head.magic) != 0)
    refuse(where, "its note does not start with \"" TRAINER_NOTE_MAGIC "\"; write it with TRAINER_PLUGIN_DEFINE");
  // Before the rest: another major may mean another kind of note.
  require_compatible_abi(head.abi_major, head.abi_minor, where);
  if (head.json_size > section.size() - sizeof head)
    refuse(where, "its note is cut short: it has " + std::to_string(section.size() - sizeof head) + " bytes of the " +
                      std::to_string(head.json_size) + " that it declares; build it again");
  if (head.reserved != 0)
    refuse(where, "its note has " + std::to_string(head.reserved) +
                      " in a reserved field, expected 0; write it with TRAINER_PLUGIN_DEFINE");
  // A linker pads with zeros; anything else would be a second note that nobody reads.
  const auto rest = section.substr(sizeof head + head.json_size);
  if (rest.find_first_not_of('\0') != rest.npos)
    refuse(where, "its note goes on after its JSON; use TRAINER_PLUGIN_DEFINE once in a plugin");
  return head;
}

json::object schema_of(const json::object& note, std::string_view where) {
  const json::value* config = note.if_contains("config");
  if (!config) return {};
  const auto* schema = config->if_object();
  if (!schema)
    refuse(where, "its note has " + std::string(json::kind_name(*config)) +
                      " as \"config\", expected an object with one entry a key");
  require_valid_schema(*schema, where);
  return *schema;
}

}  // namespace

void require_compatible_abi(std::uint32_t major, std::uint32_t minor, std::string_view where) {
  const std::uint32_t newest = TRAINER_ABI_MINOR;  // a variable, because no minor is below 0
  if (major == TRAINER_ABI_MAJOR && minor <= newest) return;
  const auto host = version_text(TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR);
  throw_usage(error_id::plugin_abi_version,
              std::string(where) + ": it needs the plugin ABI " + version_text(major, minor) + ", and this host has " +
                  host + ", expected the same major and no newer minor; rebuild the plugin against SDK " + host);
}

PluginNote parse_plugin_note(std::string_view section, std::string_view where) {
  const trainer_note head = read_head(section, where);
  PluginNote result;
  result.abi_major = head.abi_major;
  result.abi_minor = head.abi_minor;
  result.json = section.substr(sizeof head, head.json_size);
  const json::value parsed = parse_json(result.json, where);
  const auto* note = parsed.if_object();
  if (!note)
    refuse(where, "its note is " + std::string(json::kind_name(parsed)) +
                      ", expected a JSON object; write it with TRAINER_PLUGIN_DEFINE");
  result.id = name_of(*note, "id", true, where);
  result.version = text_of(*note, "version", true, where);
  result.events = events_of(*note, where);
  result.description = text_of(*note, "description", false, where);
  result.report_to = name_of(*note, "report_to", false, where);
  if (result.report_to == "all" || result.report_to == "none")
    refuse(where, "its note has the report_to \"" + result.report_to +
                      "\", which means something else in every run; give the tracker another name");
  result.store = name_of(*note, "store", false, where);
  result.always = flag_of(*note, "always", where);
  if (result.report_to.empty() && (!result.store.empty() || result.always))
    refuse(where, "its note has \"store\" or \"always\" without \"report_to\"; they are for trackers only");
  result.class_name = text_of(*note, "class", false, where);
  if (result.class_name.empty()) result.class_name = result.id;
  require_known_keys(*note, where);
  result.config = schema_of(*note, where);
  return result;
}

}  // namespace trainer
