// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <algorithm>
#include <cwchar>

namespace trainer::windows {
namespace {

constexpr std::size_t longest_write = std::size_t{1} << 30;

}  // namespace

std::string message(DWORD error) {
  wchar_t* text = nullptr;
  const DWORD size = ::FormatMessageW(
      FORMAT_MESSAGE_ALLOCATE_BUFFER | FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, nullptr, error,
      MAKELANGID(LANG_ENGLISH, SUBLANG_ENGLISH_US), reinterpret_cast<wchar_t*>(&text), 0, nullptr);
  std::string out = size ? narrow({text, size}) : "error " + std::to_string(error);
  ::LocalFree(text);
  const auto last = out.find_last_not_of("\r\n. ");
  out.resize(last == out.npos ? 0 : last + 1);
  return out;
}

std::string variable(const wchar_t* name) {
  const DWORD size = ::GetEnvironmentVariableW(name, nullptr, 0);
  if (size == 0) return {};
  std::wstring value(size, L'\0');
  value.resize(::GetEnvironmentVariableW(name, value.data(), size));
  return narrow(value);
}

std::vector<std::wstring> environment() {
  std::vector<std::wstring> out;
  wchar_t* all = ::GetEnvironmentStringsW();
  for (const wchar_t* entry = all; *entry; entry += out.back().size() + 1) out.emplace_back(entry);
  ::FreeEnvironmentStringsW(all);
  return out;
}

Handle open_to_read(const std::filesystem::path& path, bool writers) {
  const DWORD shared = FILE_SHARE_READ | FILE_SHARE_DELETE | (writers ? FILE_SHARE_WRITE : 0);
  return Handle(
      ::CreateFileW(path.c_str(), GENERIC_READ, shared, nullptr, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, nullptr));
}

bool write_all(HANDLE file, std::string_view bytes) {
  while (!bytes.empty()) {
    DWORD n = 0;
    if (!::WriteFile(file, bytes.data(), static_cast<DWORD>(std::min(bytes.size(), longest_write)), &n, nullptr))
      return false;
    bytes.remove_prefix(n);
  }
  return true;
}

}  // namespace trainer::windows
