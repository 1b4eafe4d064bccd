// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <boost/core/demangle.hpp>
#include <cstdlib>
#include <fstream>
#include <string>

#include "discovery/platform.hpp"
#include "trainer/error.hpp"

namespace trainer::platform {
namespace {

// The piece of `text` between two marks, or empty when one of them is missing.
std::string between(const std::string& text, std::string_view begin, std::string_view end) {
  const auto first = text.find(begin);
  if (first == text.npos) return {};
  const auto start = first + begin.size();
  const auto last = end.empty() ? text.size() : text.find(end, start);
  return last == text.npos ? std::string() : text.substr(start, last - start);
}

}  // namespace

const std::string_view plugin_suffix = ".so";
const char path_list_separator = ':';

std::filesystem::path executable_path() {
  std::error_code ignored;
#if defined(__linux__)
  return std::filesystem::read_symlink("/proc/self/exe", ignored);
#else
  return {};  // macOS: _NSGetExecutablePath
#endif
}

std::filesystem::path library_path() {
  Dl_info info{};
  // A function of this file alone: the address of anything public may be the program's copy of it.
  if (::dladdr(reinterpret_cast<const void*>(&between), &info) == 0 || !info.dli_fname) return {};
  // For code of the program itself the loader gives argv[0], which need not be a path at all.
  std::error_code error;
  auto path = std::filesystem::canonical(info.dli_fname, error);
  return error || path == executable_path() ? std::filesystem::path() : path;
}

std::filesystem::path user_data_directory() {
  // The XDG base directory specification: a relative value is to be ignored.
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data && *data == '/') return data;
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::filesystem::path(home) / ".local/share" : std::filesystem::path();
}

std::filesystem::path user_cache_directory() {
  if (const char* given = std::getenv("TRAINER_CACHE_DIR"); given && *given) return given;
  const char* cache = std::getenv("XDG_CACHE_HOME");
  if (cache && *cache == '/') return std::filesystem::path(cache) / "libtrainer";
  const char* home = std::getenv("HOME");
  return home && *home == '/' ? std::filesystem::path(home) / ".cache/libtrainer" : std::filesystem::path();
}

bool is_traced() {
#if defined(__linux__)
  std::ifstream status("/proc/self/status");
  const std::string key = "TracerPid:\t";
  for (std::string line; std::getline(status, line);)
    if (line.rfind(key, 0) == 0) return line != key + "0";
#endif
  return false;
}

bool defines(const char* symbol) { return ::dlsym(RTLD_DEFAULT, symbol) != nullptr; }

// The texts are glibc's (elf/dl-load.c, dl-lookup.c, dl-version.c); others are passed on as they
// are.
void refuse_loading(const std::filesystem::path& path, const std::string& loader_text) {
  const std::string file = path.string();
  if (auto symbol = between(loader_text, "undefined symbol: ", ""); !symbol.empty()) {
    const auto name = symbol.substr(0, symbol.find_first_of(", \t)"));
    const auto plain = boost::core::demangle(name.c_str());
    throw_usage(error_id::plugin_symbol_missing,
                file + " needs the symbol " + plain + (plain == name ? "" : " (" + name + ")") +
                    ", which neither it nor a library that it names defines; link it with the library that does, and "
                    "with -Wl,-z,defs, so that the linker tells");
  }
  if (auto needed = between(loader_text, "version `", "' not found"); !needed.empty()) {
    const auto library = loader_text.substr(0, loader_text.find(": version `"));
    throw_usage(error_id::plugin_library_too_old,
                file + " needs version " + needed + " of " + library +
                    ", and the one installed here is older; build the plugin on a system as old as this one");
  }
  if (loader_text.find("cannot open shared object file") != loader_text.npos) {
    const auto library = loader_text.substr(0, loader_text.find(": cannot open"));
    if (library != file)
      throw_usage(error_id::plugin_library_missing,
                  file + " needs the library " + library +
                      ", which was not found; install it, or add its directory to the plugin's run path "
                      "(-Wl,-rpath) or to LD_LIBRARY_PATH");
  }
  if (loader_text.find("static TLS block") != loader_text.npos)
    throw_usage(
        error_id::plugin_thread_storage,
        file + " needs more static thread-local storage than is left; build it with -ftls-model=global-dynamic");
  throw_usage(error_id::plugin_load_failed,
              file + " could not be loaded: " + loader_text + "; build it again for this system");
}

}  // namespace trainer::platform
