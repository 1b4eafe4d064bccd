// SPDX-License-Identifier: Apache-2.0
#include "discovery/plugin_file.hpp"

#include <trainer/plugin.h>

#include <algorithm>

#include "base/text.hpp"
#include "discovery/input_file.hpp"
#include "discovery/library_file.hpp"
#include "discovery/platform.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

void require_entry(const LibraryFile& library, const std::string& name) {
  const auto entry = std::find_if(library.symbols.begin(), library.symbols.end(),
                                  [](const auto& symbol) { return symbol.name == TRAINER_ENTRY_NAME; });
  const std::string remedy = "; use TRAINER_PLUGIN_DEFINE, and do not hide or strip that symbol";
  if (entry == library.symbols.end())
    throw_usage(error_id::plugin_no_entry,
                name + " does not export " TRAINER_ENTRY_NAME ", expected of every plugin" + remedy);
  if (!entry->function)
    throw_usage(error_id::plugin_no_entry,
                name + " exports " TRAINER_ENTRY_NAME " as data, expected a function" + remedy);
}

// Windows compares the names of libraries without their case.
std::string plain_name(const LibraryFile& library, const std::string& name) {
  return library.format == LibraryFormat::pe ? lower(name) : name;
}

bool begins(const std::string& name, std::string_view with) { return name.compare(0, with.size(), with) == 0; }

// These runtimes end the process from inside the loader when they do not come first in it.
void refuse_foreign_sanitizer(const LibraryFile& library, const std::string& name) {
  static constexpr std::pair<std::string_view, const char*> runtimes[] = {
      {"libasan.so", "__asan_init"}, {"libtsan.so", "__tsan_init"}, {"clang_rt.asan", "__asan_init"}};
  for (const auto& needed : library.needed)
    for (const auto& [runtime, symbol] : runtimes)
      if (begins(plain_name(library, needed), runtime) && (library.format != this_format || !platform::defines(symbol)))
        throw_usage(error_id::plugin_sanitizer,
                    name + " was built with a sanitizer (it needs " + needed +
                        "), and this program was not; build the plugin without it" +
                        (library.format == LibraryFormat::elf ? ", or start with LD_PRELOAD=" + needed : ""));
}

// Two of them in a process register the same operators twice, which ends it; the contract needs none.
void refuse_our_libraries(const LibraryFile& library, const std::string& name) {
  static constexpr std::string_view on_linux[] = {"libtrainer.", "libtorch", "libc10"};
  static constexpr std::string_view on_windows[] = {"trainer.dll", "torch.", "torch_", "c10.", "c10_"};
  const auto ours = [&](const auto& names, const std::string& needed) {
    return std::any_of(std::begin(names), std::end(names),
                       [&](auto known) { return begins(plain_name(library, needed), known); });
  };
  for (const auto& needed : library.needed)
    if (library.format == LibraryFormat::elf ? ours(on_linux, needed) : ours(on_windows, needed))
      throw_usage(error_id::plugin_library_foreign,
                  name + " is linked with " + needed +
                      ", expected no library of LibTrainer or LibTorch; use the services of the C header");
}

// Microsoft gives these to developers alone; elsewhere the plugin would not load.
void refuse_debug_runtime(const LibraryFile& library, const std::string& name) {
  static constexpr std::string_view runtimes[] = {"ucrtbased.dll", "vcruntime140d.dll", "vcruntime140_1d.dll",
                                                  "msvcp140d.dll", "msvcrtd.dll"};
  for (const auto& needed : library.needed)
    if (std::find(std::begin(runtimes), std::end(runtimes), plain_name(library, needed)) != std::end(runtimes))
      throw_usage(error_id::plugin_debug_runtime,
                  name + " is a Debug build (it needs " + needed +
                      "), expected one that runs without Visual Studio; build it as Release, with /MT");
}

}  // namespace

PluginFile read_plugin_file(const fs::path& given) {
  const auto path = fs::absolute(given).lexically_normal();
  const InputFile file(path);
  return check_plugin_file(path, read_library_file(file), file.distrust());
}

PluginFile check_plugin_file(const fs::path& path, const LibraryFile& library, const std::string& distrust) {
  if (!library.note)
    throw NotAPlugin(ErrorKind::usage, error_id::plugin_note_missing,
                     path.string() + " is a shared library without a plugin's note, expected a section " +
                         std::string(note_section(library.format)) + "; use TRAINER_PLUGIN_DEFINE");
  check_library_file(path, library, distrust);
  PluginFile file{path, parse_plugin_note(*library.note, path.string())};
  require_entry(library, path.string());
  return file;
}

void check_library_file(const fs::path& path, const LibraryFile& library, const std::string& distrust) {
  if (!distrust.empty())
    throw_usage(error_id::plugin_file_writable,
                distrust + ", or set TRAINER_PLUGIN_TRUST=any where the file system says so of all files");
  refuse_foreign_sanitizer(library, path.string());
  refuse_our_libraries(library, path.string());
  refuse_debug_runtime(library, path.string());
}

}  // namespace trainer
