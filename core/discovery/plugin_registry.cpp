// SPDX-License-Identifier: Apache-2.0
#include "trainer/plugin_registry.hpp"

#include <trainer/plugin.h>

#include <algorithm>
#include <cstdlib>

#include "discovery/elf_file.hpp"
#include "discovery/platform.hpp"
#include "trainer/error.hpp"
#include "loading/trial_load.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// Files that are no plugins at all, such as a library that a plugin brought along.
struct NotAPlugin : Error {
  using Error::Error;
};

bool has_suffix(const std::string& name) {
  const auto suffix = platform::plugin_suffix;
  return name.size() > suffix.size() && name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

std::vector<fs::path> split_path_list(std::string_view list) {
  std::vector<fs::path> parts;
  while (!list.empty()) {
    const auto end = std::min(list.find(platform::path_list_separator), list.size());
    if (end > 0) parts.emplace_back(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  return parts;
}

void require_entry(const ElfFile& elf, const std::string& name) {
  const auto entry = std::find_if(elf.symbols.begin(), elf.symbols.end(),
                                  [](const auto& symbol) { return symbol.name == TRAINER_ENTRY_NAME; });
  const std::string remedy = "; use TRAINER_PLUGIN_DEFINE, and do not hide or strip that symbol";
  if (entry == elf.symbols.end())
    throw_usage(error_id::plugin_no_entry,
                name + " does not export " TRAINER_ENTRY_NAME ", expected of every plugin" + remedy);
  if (!entry->function)
    throw_usage(error_id::plugin_no_entry,
                name + " exports " TRAINER_ENTRY_NAME " as data, expected a function" + remedy);
}

// These runtimes end the process from inside the loader when they do not come first in it.
void refuse_foreign_sanitizer(const ElfFile& elf, const std::string& name) {
  static constexpr std::pair<std::string_view, const char*> runtimes[] = {{"libasan.so", "__asan_init"},
                                                                          {"libtsan.so", "__tsan_init"}};
  for (const auto& needed : elf.needed)
    for (const auto& [library, symbol] : runtimes)
      if (needed.compare(0, library.size(), library) == 0 && !platform::defines(symbol))
        throw_usage(error_id::plugin_sanitizer,
                    name + " was built with a sanitizer (it needs " + needed +
                        "), and this program was not; build the plugin without it, or start with " +
                        "LD_PRELOAD=" + needed);
}

// Two of them in a process register the same operators twice, which ends it; the contract needs none.
void refuse_our_libraries(const ElfFile& elf, const std::string& name) {
  for (const auto& needed : elf.needed)
    for (const std::string_view ours : {"libtrainer.", "libtorch", "libc10"})
      if (needed.compare(0, ours.size(), ours) == 0)
        throw_usage(error_id::plugin_library_foreign,
                    name + " is linked with " + needed +
                        ", expected no library of LibTrainer or LibTorch; use the services of the C header");
}

}  // namespace

std::vector<fs::path> plugin_directories(const std::vector<fs::path>& from_command_line) {
  std::vector<fs::path> found;
  const auto add = [&](const fs::path& directory) {
    const auto path = fs::absolute(directory).lexically_normal();
    if (std::find(found.begin(), found.end(), path) == found.end()) found.push_back(path);
  };
  for (const auto& directory : from_command_line) {
    std::error_code error;
    if (!fs::is_directory(directory, error))
      throw_usage(error_id::directory_unusable, "--plugin-dir " + directory.string() + " is not a directory" +
                                                    (error ? " (" + error.message() + ")" : "") +
                                                    "; give the directory that the plugin's file is in");
    add(directory);
  }
  if (const char* list = std::getenv("TRAINER_PLUGIN_PATH"))
    for (const auto& directory : split_path_list(list)) add(directory);
  const fs::path ours = "libtrainer/plugins";
  if (const auto data = platform::user_data_directory(); !data.empty()) add(data / ours);
  if (const auto library = platform::library_path(); !library.empty()) add(library.parent_path() / ours);
  if (const auto program = platform::executable_path(); !program.empty()) {
    const auto prefix = program.parent_path().parent_path();
    add(prefix / "lib" / ours);
    // Only CMake's cache tells build/bin/trainer from ~/bin/trainer, where ~/plugins is not ours.
    std::error_code ignored;
    if (fs::exists(prefix / "CMakeCache.txt", ignored)) add(prefix / "plugins");
  }
  return found;
}

PluginFile read_plugin_file(const fs::path& given) {
  const auto path = fs::absolute(given).lexically_normal();
  const auto elf = read_elf_file(path);
  return check_plugin_file(path, elf);
}

PluginFile check_plugin_file(const fs::path& path, const ElfFile& elf) {
  if (!elf.note)
    throw NotAPlugin(ErrorKind::usage, error_id::plugin_note_missing,
                     path.string() + " is a shared library without a plugin's note, expected a section " +
                         TRAINER_NOTE_SECTION "; use TRAINER_PLUGIN_DEFINE");
  if (const auto problem = platform::distrust(path); !problem.empty() && !trusts_any_plugin())
    throw_usage(error_id::plugin_file_writable,
                problem + ", or set TRAINER_PLUGIN_TRUST=any where the file system says so of all files");
  PluginFile file{path, parse_plugin_note(*elf.note, path.string())};
  require_entry(elf, path.string());
  refuse_foreign_sanitizer(elf, path.string());
  refuse_our_libraries(elf, path.string());
  return file;
}

PluginRegistry::PluginRegistry(const std::vector<fs::path>& directories) {
  for (const auto& directory : directories) {
    std::error_code error;
    const auto real = fs::canonical(directory, error);
    if (error || !fs::is_directory(real, error)) {
      directories_.push_back(directory);  // kept for places()
      continue;
    }
    // The same directory by another name would make every plugin its own duplicate.
    if (std::find(directories_.begin(), directories_.end(), real) != directories_.end()) continue;
    directories_.push_back(real);
    scan(real);
  }
}

void PluginRegistry::scan(const fs::path& directory) {
  // By name alone: a directory may hold thousands of files that are none of our business.
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error))
    if (auto name = entry->path().filename().string(); has_suffix(name)) names.push_back(std::move(name));
  if (error) {
    problems_.push_back(
        {directory,
         directory.string() + " could not be read: " + error.message() + "; make it readable or leave it out",
         error_id::directory_unusable});
    log::warning(with_id(problems_.back().sentence, problems_.back().id));
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) add(directory / name);
}

void PluginRegistry::add(const fs::path& path) {
  try {
    auto file = read_plugin_file(path);
    if (const auto* first = find(file.note.id)) {
      duplicates_.push_back({file.path, first->path, file.note.id});
      log::info(file.path.string() + " is left out: " + first->path.string() + " has the same id \"" + file.note.id +
                "\" and was found first");
      return;
    }
    plugins_.push_back(std::move(file));
  } catch (const NotAPlugin& e) {
    problems_.push_back({path, e.sentence(), e.id()});
    log::debug(e.what());
  } catch (const Error& e) {
    problems_.push_back({path, e.sentence(), e.id()});
    log::warning(with_id(e.sentence() + " (the plugin is left out)", e.id()));
  }
}

const PluginFile* PluginRegistry::find(std::string_view id) const {
  const auto found =
      std::find_if(plugins_.begin(), plugins_.end(), [&](const PluginFile& file) { return file.note.id == id; });
  return found == plugins_.end() ? nullptr : &*found;
}

const PluginFile& PluginRegistry::require(std::string_view id, std::string_view where) const {
  if (const auto* file = find(id)) return *file;
  const auto asked = std::string(where) + ": plugin \"" + std::string(id) + "\"";
  for (const auto& problem : problems_) {
    const auto stem = problem.path.stem().string();
    if (stem == id || stem == "lib" + std::string(id))
      throw_usage(problem.id, asked + " cannot be used: " + problem.sentence);
  }
  std::vector<std::string> ids;
  std::string available;
  for (const auto& file : plugins_) {
    ids.push_back(file.note.id);
    available += (available.empty() ? "" : ", ") + file.note.id;
  }
  const auto near = json::nearest(id, ids);
  throw_usage(error_id::plugin_not_found,
              asked + " was not found" + (near.empty() ? "" : "; did you mean \"" + near + "\"?") +
                  " (available: " + (available.empty() ? "none" : available) + "; looked in " + places() +
                  "); put its " + std::string(platform::plugin_suffix) +
                  " file into one of these, or name its directory with --plugin-dir");
}

bool PluginRegistry::leaves_out(std::string_view name) const {
  return std::find(left_out_.begin(), left_out_.end(), name) != left_out_.end();
}

std::vector<const PluginFile*> PluginRegistry::trackers() const {
  std::vector<const PluginFile*> found;
  for (const auto& file : plugins_)
    if (!file.note.report_to.empty() && !leaves_out(file.note.report_to) && !leaves_out(file.note.id))
      found.push_back(&file);
  return found;
}

std::string PluginRegistry::places() const {
  std::string text;
  for (const auto& directory : directories_) {
    std::error_code ignored;
    text += (text.empty() ? "" : ", ") + directory.string() +
            (fs::is_directory(directory, ignored) ? "" : " (does not exist)");
  }
  return text.empty() ? "no directory" : text;
}

}  // namespace trainer
