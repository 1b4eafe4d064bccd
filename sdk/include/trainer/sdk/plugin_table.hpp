// SPDX-License-Identifier: Apache-2.0
//
// plugin_table.hpp - a class as a plugin of the very program that it is compiled into, without a file:
//
//   trainer.add_callback(CallbackSpec::plugin(trainer::sdk::plugin_table<Hello>(), {{"path", "out.txt"}}));
#pragma once

#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <trainer/sdk/events.hpp>
#include <trainer/sdk/note.hpp>
#include <trainer/sdk/trampoline.hpp>

#if defined(_WIN32)
#define TRAINER_SDK_HIDDEN
#else
#define TRAINER_SDK_HIDDEN __attribute__((visibility("hidden")))
#endif

namespace trainer::sdk {

/// What the class's TRAINER_PLUGIN line gave; set before main(). Hidden, since a plugin may have a class of this name.
template <typename T>
TRAINER_SDK_HIDDEN inline const trainer_plugin* line_of = nullptr;

namespace notes {

// Text with the type in it; of no other type, for which some compilers say what it stands for.
template <typename T>
constexpr const char* with_type_name() {
#if defined(_MSC_VER) && !defined(__clang__)
  return __FUNCSIG__;
#else
  return __PRETTY_FUNCTION__;
#endif
}

/// "Hello" of a class, without its namespaces.
template <typename T>
std::string class_name() {
  std::string_view name = with_type_name<T>(), with = with_type_name<int>();
  const std::size_t before = with.rfind("int"), behind = with.size() - before - 3;
  name = name.substr(before, name.size() - before - behind);
  const std::size_t colon = name.rfind("::", name.find('<'));
  return std::string(colon == name.npos ? name : name.substr(colon + 2));
}

/// "early_stopping" of "EarlyStopping", as an id has to be.
inline std::string id_of(std::string_view class_name) {
  const auto is_lower = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  std::string id;
  for (std::size_t i = 0; i < class_name.size() && id.size() < 64; ++i) {
    const char c = class_name[i];
    const bool is_upper = c >= 'A' && c <= 'Z';
    if (is_upper && i > 0 && is_lower(class_name[i - 1])) id += '_';
    id += is_upper ? static_cast<char>(c - 'A' + 'a') : is_lower(c) ? c : '_';
  }
  return id.substr(0, 64);
}

/// Of a class without a TRAINER_PLUGIN line.
template <typename T>
const trainer_note& made_note() {
  const std::string name = class_name<T>();
  const std::string given = "{\"id\": \"" + id_of(name) + "\", \"version\": \"0\", \"class\": \"" + name + "\"}";
  std::string json(note_size(given, overridden_events<T>()), '\0');
  compose(json.data(), given, overridden_events<T>());
  // For as long as the program runs: who has the table may keep it.
  auto* bytes = static_cast<char*>(::operator new(sizeof(trainer_note) + json.size()));
  const trainer_note head = {TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_SDK_MINOR,
                             static_cast<std::uint32_t>(json.size()), 0};
  std::memcpy(bytes, &head, sizeof head), std::memcpy(bytes + sizeof head, json.data(), json.size());
  return *reinterpret_cast<const trainer_note*>(bytes);
}

}  // namespace notes

/// The table of a class, valid for ever. Its note is that of the class's TRAINER_PLUGIN line, in whatever file of the
/// program that stands. Without one the id is the class's name in lower case ("early_stopping" of EarlyStopping), its
/// state is kept under the name itself, and it takes no configuration.
template <typename T>
const trainer_plugin& plugin_table() {
  if (line_of<T> != nullptr) return *line_of<T>;
  static const trainer_plugin table = {TRAINER_PLUGIN_MAGIC,
                                       sizeof(trainer_plugin),
                                       TRAINER_ABI_MAJOR,
                                       TRAINER_SDK_MINOR,
                                       &notes::made_note<T>(),
                                       &Trampoline<T>::create,
                                       &Trampoline<T>::plugin_extension};
  return table;
}

}  // namespace trainer::sdk
