// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "loading/load_failure.hpp"
#include "loading/shared_library.hpp"

namespace trainer::shared_library {

// What a library needs is looked for beside the program and in the system's directories, and neither in PATH nor in
// the working directory. The loader binds every symbol now, always.
void* load(const std::string& file, const std::filesystem::path& name) {
  const HMODULE library = ::LoadLibraryExW(windows::wide(file).c_str(), nullptr, LOAD_LIBRARY_SEARCH_DEFAULT_DIRS);
  if (!library) refuse_loading(name, std::to_string(::GetLastError()));
  return library;
}

std::string known_as(const std::string& name) {
  std::wstring letters = windows::wide(name);
  ::CharLowerBuffW(letters.data(), static_cast<DWORD>(letters.size()));
  return windows::narrow(letters);
}

bool is_loaded(const std::string& name) { return ::GetModuleHandleW(windows::wide(name).c_str()) != nullptr; }

void rename(void*, const std::string&) {}

void* symbol(void* library, const char* name) {
  return reinterpret_cast<void*>(::GetProcAddress(static_cast<HMODULE>(library), name));
}

}  // namespace trainer::shared_library
