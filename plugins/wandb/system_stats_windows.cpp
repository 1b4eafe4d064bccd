// SPDX-License-Identifier: Apache-2.0
//
// Traffic, disks, processors and memory as Windows counts them.
#include "system_stats.hpp"

#include "shared/system/windows.hpp"

#include <iphlpapi.h>
#include <psapi.h>
#include <tlhelp32.h>
#include <winioctl.h>

#include <filesystem>

#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"

namespace trainer::wandb {
namespace {

namespace windows = plugins::windows;
constexpr double megabyte = 1024.0 * 1024.0, gigabyte = 1024.0 * megabyte;

/// The drive of the system, "C:"; W&B's monitor looks at it where nobody names another.
std::wstring system_drive() {
  const std::string drive = plugins::variable("SystemDrive");
  return windows::wide(drive.empty() ? "C:" : drive);
}

struct Space {
  double total = 0, free = 0;
};
Space disk_space() {
  ULARGE_INTEGER available{}, total{}, free{};
  if (!::GetDiskFreeSpaceExW((system_drive() + L"\\").c_str(), &available, &total, &free)) return {};
  return {static_cast<double>(total.QuadPart), static_cast<double>(free.QuadPart)};
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

Machine this_machine() {
  Machine machine;
  const plugins::OperatingSystem os = plugins::operating_system();
  machine.os = os.name + "-" + os.release + "-" + os.architecture;
  std::error_code error;
  machine.program = plugins::program_name();
  machine.directory = sdk::text_of(std::filesystem::current_path(error));
  machine.host = plugins::host_name();
  const plugins::Processors cpus = plugins::processors();
  machine.cpu_model = cpus.model;
  machine.logical_cores = cpus.threads;
  machine.cores = cpus.cores == 0 ? cpus.threads : cpus.cores;
  const Space disk = disk_space();
  machine.disk_total = static_cast<std::int64_t>(disk.total);
  machine.disk_used = static_cast<std::int64_t>(disk.total - disk.free);
  machine.memory_total = static_cast<std::int64_t>(plugins::machine_memory().total.value_or(0));
  return machine;
}

SystemSampler::SystemSampler()
    : first_(traffic()),
      last_cpus_(plugins::times_of_each_cpu()),
      last_process_(process_seconds()),
      last_time_(std::chrono::steady_clock::now()) {}

std::vector<std::pair<std::string, double>> SystemSampler::sample() {
  std::vector<std::pair<std::string, double>> row;
  const auto add = [&](std::string name, double v) { row.emplace_back(std::move(name), v); };
  for (const auto& [name, value] : traffic())
    if (first_.count(name) != 0) add(name, value - first_[name]);

  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  const std::vector<plugins::CpuTimes> cpus = plugins::times_of_each_cpu();
  const double process = process_seconds();
  if (elapsed > 0 && !cpus.empty())
    add("cpu", 100 * (process - last_process_) / elapsed / static_cast<double>(cpus.size()));
  for (std::size_t i = 0; i < cpus.size() && cpus.size() == last_cpus_.size(); ++i) {
    const double total = cpus[i].total - last_cpus_[i].total;
    if (total > 0) add("cpu." + std::to_string(i) + ".cpu_percent", 100 * (cpus[i].busy - last_cpus_[i].busy) / total);
  }
  last_cpus_ = cpus, last_process_ = process, last_time_ = now;

  const plugins::Memory memory = plugins::machine_memory();
  const double total_memory = memory.total.value_or(0);
  if (total_memory > 0 && memory.available) {
    add("memory_percent", 100 * (total_memory - *memory.available) / total_memory);
    add("proc.memory.availableMB", *memory.available / megabyte);
  }
  PROCESS_MEMORY_COUNTERS own{};
  if (total_memory > 0 && ::GetProcessMemoryInfo(::GetCurrentProcess(), &own, sizeof own)) {
    add("proc.memory.rssMB", static_cast<double>(own.WorkingSetSize) / megabyte);
    add("proc.memory.percent", 100 * static_cast<double>(own.WorkingSetSize) / total_memory);
  }
  if (const double threads = threads_of_this_process(); threads > 0) add("proc.cpu.threads", threads);
  if (const Space disk = disk_space(); disk.total > 0) {
    const std::string name = "disk." + windows::narrow(system_drive()) + ".";
    add(name + "usagePercent", 100 * (disk.total - disk.free) / disk.total);
    add(name + "usageGB", (disk.total - disk.free) / gigabyte);
  }
  return row;
}

SystemSampler::Counters SystemSampler::traffic() {
  Counters counters;
  ULONG size = 0;
  ::GetIfTable(nullptr, &size, FALSE);
  std::vector<unsigned char> memory(size);
  auto* const table = reinterpret_cast<MIB_IFTABLE*>(memory.data());
  if (size != 0 && ::GetIfTable(table, &size, FALSE) == NO_ERROR) {
    double sent = 0, received = 0;
    for (DWORD i = 0; i < table->dwNumEntries; ++i)
      sent += table->table[i].dwOutOctets, received += table->table[i].dwInOctets;
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

double SystemSampler::process_seconds() {
  FILETIME created{}, ended{}, kernel{}, user{};
  ::GetProcessTimes(::GetCurrentProcess(), &created, &ended, &kernel, &user);
  return (windows::number(kernel) + windows::number(user)) / 1e7;  // of 100 ns each
}

}  // namespace trainer::wandb
