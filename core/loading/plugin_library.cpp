// SPDX-License-Identifier: Apache-2.0
#include "loading/plugin_library.hpp"

#include <algorithm>
#include <boost/dll/shared_library.hpp>
#include <cstring>
#include <map>
#include <mutex>
#include <type_traits>
#include <vector>

#include "border/abi_sizes.hpp"
#include "border/plugin_call.hpp"
#include "discovery/elf_file.hpp"
#include "discovery/platform.hpp"
#include "discovery/plugin_file.hpp"
#include "loading/private_copy.hpp"
#include "loading/trial_load.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// More than this is garbage, not a newer table.
constexpr std::uint32_t most_table_size = 64 * 1024;

using boost::dll::shared_library;

struct Resident {
  std::unique_ptr<PrivateCopy> copy;
  std::vector<shared_library> needed;  // what it was linked with, from beside its file
  shared_library library;
};

// Libraries stay for ever, by their bytes: this map is never destroyed, so that Boost.DLL never unloads
// one. Also those that are refused after loading, for their constructors have run and may have started
// threads.
std::unique_ptr<Resident>& find_resident(const std::string& sha256) {
  static auto& residents = *new std::map<std::string, std::unique_ptr<Resident>>;
  return residents[sha256];
}

void load_into(shared_library& library, const fs::path& path, const fs::path& name) {
  using boost::dll::load_mode::rtld_local;
  using boost::dll::load_mode::rtld_now;
  try {
    // Now, because with lazy binding a missing symbol ends the process in the middle of training.
    library.load(path, rtld_now | rtld_local);
  } catch (const std::system_error& e) {
    std::string text = e.what();
    const std::string_view mark = "(dlerror system message: ";
    if (const auto begin = text.find(mark); begin != text.npos) {
      text.erase(0, begin + mark.size());
      text.erase(std::min(text.rfind("): "), text.size()));
    }
    for (auto at = text.find(path.string()); at != text.npos; at = text.find(path.string()))
      text.replace(at, path.string().size(), name.string());
    platform::refuse_loading(name, text);
  }
}

// "$ORIGIN" in a run path is the directory of the plugin's file, and not that of the copy: what is found
// there is loaded by its own path, and the loader takes it for the library of that name.
std::vector<shared_library> load_needed(const ElfFile& elf, const fs::path& file) {
  std::vector<shared_library> loaded;
  for (const auto& library : elf.needed)
    for (std::string place : elf.run_path) {
      const bool braces = place.rfind("${ORIGIN}", 0) == 0;
      if (!braces && place.rfind("$ORIGIN", 0) != 0) continue;
      place.replace(0, braces ? 9 : 7, file.parent_path().string());
      std::error_code ignored;
      if (!fs::exists(fs::path(place) / library, ignored)) continue;
      load_into(loaded.emplace_back(), fs::path(place) / library, fs::path(place) / library);
      break;
    }
  return loaded;
}

const trainer_plugin* call_entry(shared_library& library, const std::string& id, const std::string& name) {
  if (!library.has(TRAINER_ENTRY_NAME))
    throw_usage(error_id::plugin_no_entry,
                name + " does not export " TRAINER_ENTRY_NAME ", expected of every plugin; use TRAINER_PLUGIN_DEFINE");
  const auto entry = &library.get<std::remove_pointer_t<trainer_plugin_entry_function>>(TRAINER_ENTRY_NAME);
  return call_plugin({id, Call::entry, name + " "}, [&] { return entry(); });
}

// What the code says must be what was read in the file before it ran.
bool same_note(const trainer_note& loaded, const PluginNote& read) {
  return std::memcmp(loaded.magic, TRAINER_NOTE_MAGIC, sizeof loaded.magic) == 0 &&
         loaded.abi_major == read.abi_major && loaded.abi_minor == read.abi_minor &&
         loaded.json_size == read.json.size() && std::memcmp(&loaded + 1, read.json.data(), read.json.size()) == 0;
}

trainer_plugin checked_table(const trainer_plugin* given, const PluginNote& note, const std::string& name) {
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
  if (!same_note(*table.note, note))
    throw_usage(error_id::plugin_note_differs,
                name + ": the note of its code differs from the note of its file, expected the same" + remedy +
                    ", and start again when the file was replaced in the meantime");
  return table;
}

}  // namespace

std::shared_ptr<PluginLibrary> PluginLibrary::load(const PluginFile& file, TrialLoad trial) {
  const auto name = file.path.string();
  auto resident = std::make_unique<Resident>();
  resident->copy = std::make_unique<PrivateCopy>(file.path);
  const auto path = resident->copy->path();
  const ElfFile elf = read_elf_file(path, name);
  PluginFile now = check_plugin_file(file.path, elf);
  now.sha256 = resident->copy->sha256();
  if (now.note.json != file.note.json)
    throw_usage(error_id::plugin_file_changed, name + " was replaced while this program ran; start it again");
  // A program may have trainers on several threads.
  static std::mutex loading;
  const std::lock_guard lock(loading);
  auto& known = find_resident(now.sha256);
  if (!known) {
    if (trial == TrialLoad::required) require_trial_load(file.path, now.sha256);
    AskedFor asked(moment(), static_cast<std::uint32_t>(Call::load));
    asked.is(known_name(now.note.id));
    resident->needed = load_needed(elf, file.path);
    load_into(resident->library, path, file.path);
    known = std::move(resident);
  }
  const auto table = checked_table(call_entry(known->library, now.note.id, name), now.note, name);
  return std::shared_ptr<PluginLibrary>(new PluginLibrary(now, table));
}

const void* PluginLibrary::extension(const char* id) const {
  if (!table_.get_extension) return nullptr;
  return call_plugin(
      {file_.note.id, Call::plugin_get_extension, "plugin " + file_.note.id + " (" + file_.path.string() + ") "},
      [&] { return table_.get_extension(id); });
}

}  // namespace trainer
