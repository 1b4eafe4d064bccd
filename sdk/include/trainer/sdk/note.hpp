// SPDX-License-Identifier: Apache-2.0
//
// The note of a plugin, put together by the compiler, as it has to stand in the file: what TRAINER_PLUGIN was given,
// and the events of the class.
#pragma once

#include <trainer/plugin.h>

#include <array>
#include <cstdint>
#include <string_view>

namespace trainer::sdk {

/// As it lies in memory and in the note's section. A zero ends the JSON, and is not counted.
template <std::size_t size>
struct Note {
  trainer_note head;
  char json[size + 1];
};

namespace notes {

inline constexpr std::array<std::string_view, TRAINER_EVENT_COUNT> event_names = {
#define TRAINER_SDK_NAME(event) #event,
    TRAINER_FOR_EACH_SLOT(TRAINER_SDK_NAME)
#undef TRAINER_SDK_NAME
};

constexpr bool is_space(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

/// Whether the object has the key "events"; not one of the objects within it.
constexpr bool has_events(std::string_view json) {
  int depth = 0;
  for (std::size_t i = 0; i < json.size(); ++i) {
    if (json[i] == '{' || json[i] == '[') ++depth;
    if (json[i] == '}' || json[i] == ']') --depth;
    if (json[i] != '"') continue;
    const std::size_t begin = i + 1;
    for (++i; i < json.size() && json[i] != '"'; ++i)
      if (json[i] == '\\') ++i;
    if (depth != 1 || json.substr(begin, i - begin) != "events") continue;
    std::size_t next = i + 1;
    while (next < json.size() && is_space(json[next])) ++next;
    if (next < json.size() && json[next] == ':') return true;
  }
  return false;
}

/// Writes to `out`, or only counts when that is null.
struct Writer {
  char* out;
  std::size_t size = 0;
  constexpr void add(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i, ++size)
      if (out != nullptr) out[size] = text[i];
  }
};

/// The JSON with "events" as its last key, unless it has them; what is no object stays as it is, and is refused by the
/// host. Gives its size.
constexpr std::size_t compose(char* out, std::string_view json, std::uint32_t events) {
  Writer to{out};
  const std::size_t end = json.rfind('}');
  std::size_t last = end == json.npos ? 0 : end;
  while (last > 0 && is_space(json[last - 1])) --last;
  if (last == 0 || has_events(json)) {
    to.add(json);
    return to.size;
  }
  to.add(json.substr(0, last));
  to.add(json[last - 1] == '{' ? "\"events\": [" : ", \"events\": [");
  bool first = true;
  for (std::uint32_t kind = 0; kind < TRAINER_EVENT_COUNT; ++kind) {
    if ((events >> kind & 1u) == 0) continue;
    to.add(first ? "\"" : ", \""), to.add(event_names[kind]), to.add("\"");
    first = false;
  }
  to.add("]");
  to.add(json.substr(last));
  return to.size;
}

}  // namespace notes

constexpr std::size_t note_size(std::string_view json, std::uint32_t events) {
  return notes::compose(nullptr, json, events);
}

template <std::size_t size>
constexpr Note<size> make_note(std::string_view json, std::uint32_t events) {
  Note<size> note{{TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_SDK_MINOR, size, 0}, {}};
  notes::compose(note.json, json, events);
  return note;
}

}  // namespace trainer::sdk
