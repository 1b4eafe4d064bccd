// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_file.hpp"

#include <trainer/plugin.h>

#include <algorithm>

#include "discovery/elf_file.hpp"
#include "discovery/input_file.hpp"
#include "discovery/platform.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

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

PluginFile read_plugin_file(const fs::path& given) {
  const auto path = fs::absolute(given).lexically_normal();
  const InputFile file(path);
  return check_plugin_file(path, read_elf_file(file), file.distrust());
}

PluginFile check_plugin_file(const fs::path& path, const ElfFile& elf, const std::string& distrust) {
  if (!elf.note)
    throw NotAPlugin(ErrorKind::usage, error_id::plugin_note_missing,
                     path.string() + " is a shared library without a plugin's note, expected a section " +
                         TRAINER_NOTE_SECTION "; use TRAINER_PLUGIN_DEFINE");
  check_library_file(path, elf, distrust);
  PluginFile file{path, parse_plugin_note(*elf.note, path.string())};
  require_entry(elf, path.string());
  return file;
}

void check_library_file(const fs::path& path, const ElfFile& elf, const std::string& distrust) {
  if (!distrust.empty())
    throw_usage(error_id::plugin_file_writable,
                distrust + ", or set TRAINER_PLUGIN_TRUST=any where the file system says so of all files");
  refuse_foreign_sanitizer(elf, path.string());
  refuse_our_libraries(elf, path.string());
}

}  // namespace trainer
