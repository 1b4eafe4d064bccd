// SPDX-License-Identifier: Apache-2.0
//
// A plugin's file, loaded as the real host loads it.
#pragma once

#include <trainer/plugin.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <system_error>
#include <trainer/sdk/path.hpp>

#if defined(_WIN32)
struct HINSTANCE__;
extern "C" {  // as <windows.h> declares them, without its macros
__declspec(dllimport) HINSTANCE__* __stdcall LoadLibraryA(const char*);
__declspec(dllimport) HINSTANCE__* __stdcall LoadLibraryW(const wchar_t*);
__declspec(dllimport) std::intptr_t(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
__declspec(dllimport) unsigned long __stdcall GetLastError(void);
}
#else
#include <dlfcn.h>
#endif

namespace trainer::sdk::testing {

#if defined(_WIN32)
inline constexpr const char* plugin_suffix = ".dll";
#else
inline constexpr const char* plugin_suffix = ".so";
#endif

/// The table of a plugin's file. The library stays loaded, as with the real host.
inline const trainer_plugin& load_plugin(const std::string& file) {
#if defined(_WIN32)
  HINSTANCE__* library = nullptr;
  try {
    library = ::LoadLibraryW(path_of(file).c_str());
  } catch (const std::filesystem::filesystem_error&) {  // as a program's arguments are, of the system's code page
    library = ::LoadLibraryA(file.c_str());
  }
  if (library == nullptr)
    throw std::runtime_error(
        file + " could not be loaded: " + std::system_category().message(static_cast<int>(::GetLastError())));
  void* const symbol = reinterpret_cast<void*>(::GetProcAddress(library, TRAINER_ENTRY_NAME));
#else
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) throw std::runtime_error(dlerror());
  void* const symbol = dlsym(library, TRAINER_ENTRY_NAME);
#endif
  if (symbol == nullptr) throw std::runtime_error(file + " has no " TRAINER_ENTRY_NAME);
  return *reinterpret_cast<trainer_plugin_entry_function>(symbol)();
}

}  // namespace trainer::sdk::testing
