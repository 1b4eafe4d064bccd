// SPDX-License-Identifier: Apache-2.0
#include "loading/plugin_library.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>

#include "border/abi_sizes.hpp"
#include "border/plugin_call.hpp"
#include "discovery/plugin_file.hpp"
#include "discovery/plugin_trust.hpp"
#include "loading/plugin_parts.hpp"
#include "loading/shared_library.hpp"
#include "loading/trial_load.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

// More than this is garbage, not a newer table.
constexpr std::uint32_t most_table_size = 64 * 1024;

// Libraries stay for ever, by their bytes. Also those that are refused after loading, for their constructors have run
// and may have started threads.
void*& find_resident(const std::string& digest) {
  static auto& residents = *new std::map<std::string, void*>;
  return residents[digest];
}

const trainer_plugin* call_entry(void* library, const std::string& id, const std::string& name) {
  void* found = shared_library::symbol(library, TRAINER_ENTRY_NAME);
  if (!found)
    throw_usage(error_id::plugin_no_entry,
                name + " does not export " TRAINER_ENTRY_NAME ", expected of every plugin; use TRAINER_PLUGIN_DEFINE");
  const auto entry = reinterpret_cast<trainer_plugin_entry_function>(found);
  return call_plugin({id, Call::entry, name + " "}, [&] { return entry(); });
}

// What the code says must be what was read in the file before it ran.
bool same_note(const trainer_note& loaded, const PluginNote& read) {
  return std::memcmp(loaded.magic, TRAINER_NOTE_MAGIC, sizeof loaded.magic) == 0 &&
         loaded.abi_major == read.abi_major && loaded.abi_minor == read.abi_minor &&
         loaded.json_size == read.json.size() && std::memcmp(&loaded + 1, read.json.data(), read.json.size()) == 0;
}

trainer_plugin checked_table(const trainer_plugin* given, const std::string& name) {
  const std::string remedy = "; use TRAINER_PLUGIN_DEFINE";
  if (!given)
    throw_usage(error_id::plugin_table_invalid,
                name + ": " TRAINER_ENTRY_NAME " returned null, expected a table" + remedy);
  if (reinterpret_cast<std::uintptr_t>(given) % alignof(trainer_plugin) != 0)
    throw_usage(error_id::plugin_table_invalid,
                name + ": its table is not aligned to " + std::to_string(alignof(trainer_plugin)) + " bytes" + remedy);
  // The first four fields first: the rest may not even be there.
  if (given->magic != TRAINER_PLUGIN_MAGIC)
    throw_usage(error_id::plugin_table_invalid, name + ": its table starts with the magic number " +
                                                    std::to_string(given->magic) + ", expected " +
                                                    std::to_string(TRAINER_PLUGIN_MAGIC) + remedy);
  require_compatible_abi(given->abi_major, given->abi_minor, name);
  if (!has_least_size(*given) || given->struct_size > most_table_size)
    throw_usage(error_id::plugin_table_invalid,
                name + ": its table has a struct_size of " + std::to_string(given->struct_size) + " bytes, expected " +
                    std::to_string(least_size<trainer_plugin>) + " to " + std::to_string(most_table_size) + remedy);
  trainer_plugin table{};
  std::memcpy(&table, given, std::min<std::size_t>(given->struct_size, sizeof table));
  table.struct_size = sizeof table;
  if (!table.create)
    throw_usage(error_id::plugin_table_invalid, name + ": its table has no create function, expected one" + remedy);
  if (!table.note)
    throw_usage(error_id::plugin_table_invalid,
                name + ": its table has no note, expected the one of the file" + remedy);
  return table;
}

void require_same_note(const trainer_plugin& table, const PluginNote& note, const std::string& name) {
  if (!same_note(*table.note, note))
    throw_usage(error_id::plugin_note_differs,
                name + ": the note of its code differs from the note of its file, expected the same; use " +
                    "TRAINER_PLUGIN_DEFINE, and start again when the file was replaced in the meantime");
}

}  // namespace

namespace {

PluginFile checked(const PluginFile& file, const PluginParts& parts) {
  PluginFile now = check_plugin_file(file.path, parts.library(), parts.copy().distrust());
  now.sha256 = parts.copy().sha256();
  now.libraries = parts.libraries();
  if (now.note.json != file.note.json)
    throw_usage(error_id::plugin_file_changed,
                file.path.string() + " was replaced while this program ran; start it again");
  const bool same = file.sha256.empty() || (now.sha256 == file.sha256 && now.libraries == file.libraries);
  if (!same)
    throw_usage(error_id::plugin_file_changed, file.path.string() +
                                                   ", or a library that it brings along, was "
                                                   "replaced after it had been checked; start the run again");
  return now;
}

}  // namespace

PluginFile PluginLibrary::check(const PluginFile& file) { return checked(file, PluginParts(file.path)); }

std::shared_ptr<PluginLibrary> PluginLibrary::load(const PluginFile& file, TrialLoad trial) {
  const auto name = file.path.string();
  // A program may have trainers on several threads.
  static std::mutex loading;
  const std::lock_guard lock(loading);
  const PluginParts parts(file.path);
  const PluginFile now = checked(file, parts);
  const std::string digest = parts.digest();
  const auto table = [&](void* library) {
    const trainer_plugin given = checked_table(call_entry(library, now.note.id, name), name);
    require_same_note(given, now.note, name);
    return given;
  };
  void*& known = find_resident(digest);
  if (!known) {
    if (trial == TrialLoad::required && !debugs_plugins())
      require_trial_load(file.path, now.note.id, digest, [&] { table(parts.load()); });
    const AskedFor asked(now.note.id, Call::load);
    known = parts.load();
  }
  return std::shared_ptr<PluginLibrary>(new PluginLibrary(now, table(known)));
}

std::shared_ptr<PluginLibrary> PluginLibrary::of_program(const trainer_plugin& given) {
  PluginFile none;
  const std::string name = "a plugin of " + none.place();
  const trainer_plugin table = checked_table(&given, name);
  const std::size_t size = sizeof(trainer_note) + table.note->json_size;
  none.note = parse_plugin_note({reinterpret_cast<const char*>(table.note), size}, name);
  return std::shared_ptr<PluginLibrary>(new PluginLibrary(none, table));
}

const void* PluginLibrary::extension(const char* id) const {
  if (!table_.get_extension) return nullptr;
  return call_plugin(
      {file_.note.id, Call::plugin_get_extension, "plugin " + file_.note.id + " (" + file_.place() + ") "},
      [&] { return table_.get_extension(id); });
}

}  // namespace trainer
