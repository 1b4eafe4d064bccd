// SPDX-License-Identifier: Apache-2.0
//
// The machine as Windows and its registry show it.
#include "shared/system/machine.hpp"

#include <winternl.h>

#include "shared/system/windows.hpp"

namespace trainer::plugins {
namespace {

std::string registry_text(const wchar_t* key, const wchar_t* name) {
  wchar_t text[256] = L"";
  DWORD size = sizeof text;
  if (::RegGetValueW(HKEY_LOCAL_MACHINE, key, name, RRF_RT_REG_SZ, nullptr, text, &size) != ERROR_SUCCESS) return {};
  std::string found = windows::narrow(text);
  const std::size_t first = found.find_first_not_of(' ');
  return first == found.npos ? "" : found.substr(first, found.find_last_not_of(' ') - first + 1);
}

int count_of(LOGICAL_PROCESSOR_RELATIONSHIP relation) {
  DWORD size = 0;
  ::GetLogicalProcessorInformationEx(relation, nullptr, &size);
  std::vector<unsigned char> all(size);
  const auto at = [&](DWORD offset) {
    return reinterpret_cast<SYSTEM_LOGICAL_PROCESSOR_INFORMATION_EX*>(all.data() + offset);
  };
  if (size == 0 || !::GetLogicalProcessorInformationEx(relation, at(0), &size)) return 0;
  int count = 0;
  for (DWORD offset = 0; offset < size; offset += at(offset)->Size) ++count;
  return count;
}

}  // namespace

/// As Python's platform has it: "Windows", "10" or "11", "AMD64".
OperatingSystem operating_system() {
  OperatingSystem system{"Windows", "", "", ""};
  OSVERSIONINFOW version{};
  version.dwOSVersionInfoSize = sizeof version;
  if (auto* const get = windows::function_of<LONG WINAPI(OSVERSIONINFOW*)>(L"ntdll.dll", "RtlGetVersion")) {
    get(&version);
    constexpr DWORD first_build_of_11 = 22000;
    const bool eleven = version.dwMajorVersion == 10 && version.dwBuildNumber >= first_build_of_11;
    system.release = std::to_string(eleven ? 11 : version.dwMajorVersion);
  }
  SYSTEM_INFO info{};
  ::GetNativeSystemInfo(&info);
  system.architecture = info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_ARM64   ? "ARM64"
                        : info.wProcessorArchitecture == PROCESSOR_ARCHITECTURE_AMD64 ? "AMD64"
                                                                                      : "x86";
  return system;
}

Processors processors() {
  Processors out;
  out.model = registry_text(L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0", L"ProcessorNameString");
  out.threads = static_cast<int>(::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
  out.cores = count_of(RelationProcessorCore);
  if (const int sockets = count_of(RelationProcessorPackage)) out.sockets = sockets;
  return out;
}

std::optional<CpuTimes> cpu_times() {
  FILETIME idle{}, kernel{}, user{};
  if (!::GetSystemTimes(&idle, &kernel, &user)) return std::nullopt;
  const double total = windows::number(kernel) + windows::number(user);  // the kernel's has the idle one in it
  return CpuTimes{total - windows::number(idle), total};
}

std::vector<CpuTimes> times_of_each_cpu() {
  using Query = NTSTATUS NTAPI(SYSTEM_INFORMATION_CLASS, void*, ULONG, ULONG*);
  auto* const query = windows::function_of<Query>(L"ntdll.dll", "NtQuerySystemInformation");
  std::vector<SYSTEM_PROCESSOR_PERFORMANCE_INFORMATION> each(::GetActiveProcessorCount(ALL_PROCESSOR_GROUPS));
  const auto size = static_cast<ULONG>(each.size() * sizeof each[0]);
  ULONG used = 0;
  if (query == nullptr || query(SystemProcessorPerformanceInformation, each.data(), size, &used) != 0) return {};
  std::vector<CpuTimes> all;
  for (std::size_t i = 0; i < used / sizeof each[0]; ++i) {
    const double total = static_cast<double>(each[i].KernelTime.QuadPart + each[i].UserTime.QuadPart);
    all.push_back({total - static_cast<double>(each[i].IdleTime.QuadPart), total});
  }
  return all;
}

Memory machine_memory() {
  MEMORYSTATUSEX status{};
  status.dwLength = sizeof status;
  if (!::GlobalMemoryStatusEx(&status)) return {};
  return {static_cast<double>(status.ullTotalPhys), static_cast<double>(status.ullAvailPhys)};
}

}  // namespace trainer::plugins
