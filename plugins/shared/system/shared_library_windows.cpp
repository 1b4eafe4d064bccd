// SPDX-License-Identifier: Apache-2.0
//
// LoadLibrary() and GetProcAddress().
#include "shared/system/shared_library.hpp"

#include <system_error>
#include <trainer/sdk/path.hpp>

#include "shared/system/windows.hpp"

namespace trainer::plugins {

SharedLibrary::SharedLibrary(const std::string& name) {
  // A plain name is one of the system's own: none that lies in the current directory, or beside the program.
  const std::filesystem::path path = sdk::path_of(name);
  const HMODULE library =
      ::LoadLibraryExW(path.c_str(), nullptr, path.has_parent_path() ? 0 : LOAD_LIBRARY_SEARCH_SYSTEM32);
  handle_ = reinterpret_cast<void*>(library);
  if (handle_ == nullptr) error_ = name + ": " + std::system_category().message(static_cast<int>(::GetLastError()));
}

void* SharedLibrary::symbol(const char* name) const {
  if (handle_ == nullptr) return nullptr;
  return reinterpret_cast<void*>(::GetProcAddress(static_cast<HMODULE>(handle_), name));
}

}  // namespace trainer::plugins
