// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "discovery/platform.hpp"

namespace trainer::platform {
namespace fs = std::filesystem;
namespace {

fs::path module_path(HMODULE module) {
  std::wstring name(512, L'\0');
  for (;;) {
    const DWORD size = ::GetModuleFileNameW(module, name.data(), static_cast<DWORD>(name.size()));
    if (size == 0) return {};
    if (size < name.size()) return name.substr(0, size);
    name.resize(2 * name.size());
  }
}

}  // namespace

const std::string_view plugin_suffix = ".dll";
const char path_list_separator = ';';

fs::path executable_path() { return module_path(nullptr); }

fs::path library_path() {
  HMODULE module = nullptr;
  if (!::GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT,
                            reinterpret_cast<const wchar_t*>(&module_path), &module))
    return {};
  return module == ::GetModuleHandleW(nullptr) ? fs::path() : module_path(module);
}

fs::path user_data_directory() { return windows::wide(windows::variable(L"LOCALAPPDATA")); }

fs::path user_cache_directory() {
  if (const auto given = windows::variable(L"TRAINER_CACHE_DIR"); !given.empty()) return windows::wide(given);
  const auto data = user_data_directory();
  return data.empty() ? data : data / "libtrainer" / "cache";
}

bool is_traced() { return ::IsDebuggerPresent(); }

bool defines(const char* symbol) { return ::GetProcAddress(::GetModuleHandleW(nullptr), symbol) != nullptr; }

}  // namespace trainer::platform
