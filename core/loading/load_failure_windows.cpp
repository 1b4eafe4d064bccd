// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <cstdlib>

#include "discovery/library_file.hpp"
#include "loading/load_failure.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace fs = std::filesystem;
namespace {

// The first of the libraries that a file needs which the loader does not find.
std::string missing_library(const fs::path& path) {
  for (const auto& needed : read_library_file(path, path.string()).needed) {
    const std::wstring name = windows::wide(needed);
    std::error_code ignored;
    if (fs::exists(path.parent_path() / name, ignored) || ::GetModuleHandleW(name.c_str())) continue;
    const HMODULE found = ::LoadLibraryExW(name.c_str(), nullptr, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
    if (!found) return needed;
    ::FreeLibrary(found);
  }
  return {};
}

}  // namespace

// The system tells by a number that something is missing, and not what.
void refuse_loading(const fs::path& path, const std::string& loader_text) {
  const std::string file = path.string();
  const DWORD error = static_cast<DWORD>(std::strtoul(loader_text.c_str(), nullptr, 10));
  if (error == ERROR_MOD_NOT_FOUND || error == ERROR_PROC_NOT_FOUND) {
    if (const auto library = missing_library(path); !library.empty())
      throw_usage(error_id::plugin_library_missing,
                  file + " needs the library " + library +
                      ", which was not found; put it beside the plugin, or link the plugin statically (-static, /MT)");
    if (error == ERROR_PROC_NOT_FOUND)
      throw_usage(error_id::plugin_symbol_missing,
                  file +
                      " needs a function that no library that it names defines; build it for the versions of its "
                      "libraries that are installed here");
  }
  throw_usage(error_id::plugin_load_failed,
              file + " could not be loaded: " + windows::message(error) + "; build it again for this system");
}

}  // namespace trainer
