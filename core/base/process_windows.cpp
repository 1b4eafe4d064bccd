// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <cstdlib>
#include <ctime>

#include "base/process.hpp"

namespace trainer {

std::int64_t process_id() { return ::GetCurrentProcessId(); }

bool process_is_alive(std::int64_t pid) {
  const windows::Handle process(
      ::OpenProcess(SYNCHRONIZE | PROCESS_QUERY_LIMITED_INFORMATION, FALSE, static_cast<DWORD>(pid)));
  if (!process) return ::GetLastError() == ERROR_ACCESS_DENIED;
  return ::WaitForSingleObject(process.get(), 0) == WAIT_TIMEOUT;
}

std::string host_name() {
  wchar_t name[256] = L"";
  DWORD size = 256;
  return ::GetComputerNameExW(ComputerNameDnsHostname, name, &size) ? windows::narrow({name, size}) : std::string();
}

// For getenv() and for the system; libraries may ask either.
void set_variable(const char* name, const char* value, bool keep) {
  if (!keep || ::GetEnvironmentVariableW(windows::wide(name).c_str(), nullptr, 0) == 0) ::_putenv_s(name, value);
}

std::vector<std::string> environment_variables() {
  std::vector<std::string> out;
  for (const auto& entry : windows::environment()) out.push_back(windows::narrow(entry));
  return out;
}

std::string home_directory() { return windows::variable(L"USERPROFILE"); }

std::string utc_now(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[64] = {};
  if (::gmtime_s(&parts, &now) == 0) std::strftime(text, sizeof text, format, &parts);
  return text;
}

// There are no signals that a thread could get.
WithoutSignals::WithoutSignals() = default;
WithoutSignals::~WithoutSignals() = default;

}  // namespace trainer
