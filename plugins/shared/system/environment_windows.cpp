// SPDX-License-Identifier: Apache-2.0
//
// Variables, the user and the machine's name by Windows; all of it as UTF-8.
#include <lmcons.h>
#include <trainer/sdk/path.hpp>

#include "shared/system/environment.hpp"
#include "shared/system/windows.hpp"

namespace trainer::plugins {

std::optional<std::string> find_variable(const char* name) {
  const std::wstring key = windows::wide(name);
  std::wstring value(1, L'\0');
  for (;;) {
    ::SetLastError(ERROR_SUCCESS);
    const DWORD size = ::GetEnvironmentVariableW(key.c_str(), value.data(), static_cast<DWORD>(value.size()));
    if (size == 0 && ::GetLastError() == ERROR_ENVVAR_NOT_FOUND) return std::nullopt;
    if (size < value.size()) return windows::narrow(std::wstring_view(value).substr(0, size));
    value.resize(size);
  }
}

std::map<std::string, std::string> environment() {
  std::map<std::string, std::string> variables;
  wchar_t* const all = ::GetEnvironmentStringsW();
  for (const wchar_t* line = all; line != nullptr && *line != L'\0';) {
    const std::wstring_view text(line);
    const std::size_t equals = text.find(L'=', 1);  // "=C:=C:\dir" is a drive's current directory
    if (equals != text.npos && text[0] != L'=')
      variables.emplace(windows::narrow(text.substr(0, equals)), windows::narrow(text.substr(equals + 1)));
    line += text.size() + 1;
  }
  if (all != nullptr) ::FreeEnvironmentStringsW(all);
  return variables;
}

Account account(const std::string& user) {
  Account found;
  wchar_t name[UNLEN + 1] = L"";
  DWORD size = UNLEN + 1;
  if (::GetUserNameW(name, &size)) found.name = windows::narrow(name);
  found.home = find_variable("USERPROFILE").value_or("");
  if (found.home.empty())
    if (const auto path = find_variable("HOMEPATH")) found.home = find_variable("HOMEDRIVE").value_or("") + *path;
  if (user.empty() || user == found.name) return found;
  // As Python has it: others live beside the current user, when that one's home has its name.
  const std::filesystem::path home = sdk::path_of(found.home);
  if (sdk::text_of(home.filename()) != found.name) return {};
  return {user, sdk::text_of(home.parent_path() / sdk::path_of(user))};
}

std::string home_directory(const std::string& user) { return account(user).home; }

std::string host_name() {
  wchar_t name[256] = L"";
  DWORD size = 256;
  if (!::GetComputerNameExW(ComputerNameDnsHostname, name, &size) || name[0] == L'\0') return "localhost";
  return windows::narrow(name);
}

}  // namespace trainer::plugins
