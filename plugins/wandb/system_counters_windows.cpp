// SPDX-License-Identifier: Apache-2.0
//
// As Windows counts them.
#include "system_counters.hpp"

#include "shared/system/windows.hpp"

#include <ws2ipdef.h>

#include <iphlpapi.h>
#include <netioapi.h>
#include <psapi.h>
#include <tlhelp32.h>
#include <winioctl.h>

#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"

namespace trainer::wandb {
namespace {

namespace windows = plugins::windows;

/// The drive of the system, "C:".
std::wstring system_drive() {
  const std::string drive = plugins::variable("SystemDrive");
  return windows::wide(drive.empty() ? "C:" : drive);
}

double threads_of_this_process() {
  const windows::Handle snapshot(::CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0));
  THREADENTRY32 entry{};
  entry.dwSize = sizeof entry;
  double count = 0;
  for (BOOL more = ::Thread32First(snapshot.get(), &entry); more; more = ::Thread32Next(snapshot.get(), &entry))
    if (entry.th32OwnerProcessID == ::GetCurrentProcessId()) ++count;
  return count;
}

}  // namespace

std::string program_path() { return plugins::program_name(); }

std::optional<Disk> disk() {
  const std::wstring drive = system_drive();
  ULARGE_INTEGER available{}, total{}, free{};
  if (!::GetDiskFreeSpaceExW((drive + L"\\").c_str(), &available, &total, &free) || total.QuadPart == 0)
    return std::nullopt;
  const auto all = static_cast<double>(total.QuadPart), used = all - static_cast<double>(free.QuadPart);
  return Disk{windows::narrow(drive), all, used, 100 * used / all};
}

std::map<std::string, double> traffic() {
  std::map<std::string, double> counters;
  MIB_IF_TABLE2* table = nullptr;
  if (::GetIfTable2(&table) == NO_ERROR) {
    double sent = 0, received = 0;
    for (ULONG i = 0; i < table->NumEntries; ++i) {
      const MIB_IF_ROW2& one = table->Table[i];
      if (one.InterfaceAndOperStatusFlags.FilterInterface) continue;  // it sees another's bytes
      sent += static_cast<double>(one.OutOctets);
      received += static_cast<double>(one.InOctets);
    }
    ::FreeMibTable(table);
    counters["network.sent"] = sent;
    counters["network.recv"] = received;
  }
  const std::wstring drive = system_drive();
  const windows::Handle volume(::CreateFileW((L"\\\\.\\" + drive).c_str(), 0, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                             nullptr, OPEN_EXISTING, 0, nullptr));
  DISK_PERFORMANCE disk{};
  DWORD bytes = 0;
  if (volume &&
      ::DeviceIoControl(volume.get(), IOCTL_DISK_PERFORMANCE, nullptr, 0, &disk, sizeof disk, &bytes, nullptr)) {
    counters["disk." + windows::narrow(drive) + ".in"] = static_cast<double>(disk.BytesRead.QuadPart) / megabyte;
    counters["disk." + windows::narrow(drive) + ".out"] = static_cast<double>(disk.BytesWritten.QuadPart) / megabyte;
  }
  return counters;
}

OwnProcess own_process() {
  FILETIME created{}, ended{}, kernel{}, user{};
  ::GetProcessTimes(::GetCurrentProcess(), &created, &ended, &kernel, &user);
  OwnProcess out;
  out.seconds = (windows::number(kernel) + windows::number(user)) / 1e7;  // of 100 ns each
  PROCESS_MEMORY_COUNTERS memory{};
  if (::GetProcessMemoryInfo(::GetCurrentProcess(), &memory, sizeof memory))
    out.resident = static_cast<double>(memory.WorkingSetSize);
  if (const double threads = threads_of_this_process(); threads > 0) out.threads = threads;
  return out;
}

}  // namespace trainer::wandb
