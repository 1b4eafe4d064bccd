// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "discovery/platform.hpp"

namespace trainer::platform {
namespace {

// Whose address is in this library, or program: that of anything public may be the program's copy of it.
void of_this_file() {}

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
  if (::dladdr(reinterpret_cast<const void*>(&of_this_file), &info) == 0 || !info.dli_fname) return {};
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

}  // namespace trainer::platform
