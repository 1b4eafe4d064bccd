// SPDX-License-Identifier: Apache-2.0
#include "system.hpp"

#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "shared/tracker_run/tracker_run.hpp"

namespace trainer::wandb {
namespace {

constexpr double megabyte = 1024.0 * 1024.0, gigabyte = 1024.0 * megabyte;

/// The bytes of a "Name:   123 kB" line of a file in /proc, or -1.
double kilobytes(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, name.size(), name) == 0) {
      const char* at = line.c_str() + name.size();
      const double value = std::strtod(at, nullptr);
      return line.find("kB") == std::string::npos ? value : value * 1024;
    }
  return -1;
}

/// Whole disks, not their partitions, and neither loop nor RAM devices.
bool is_disk(const std::string& name) {
  return std::filesystem::exists("/sys/block/" + name) && name.rfind("loop", 0) != 0 && name.rfind("ram", 0) != 0;
}

std::string os_pretty(const utsname& u) { return std::string(u.sysname) + "-" + u.release + "-" + u.machine; }

}  // namespace

Machine this_machine() {
  Machine machine;
  utsname u{};
  if (::uname(&u) == 0) machine.os = os_pretty(u);
  std::error_code error;
  machine.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  machine.directory = std::filesystem::current_path(error).string();
  machine.host = plugins::host_name();
  machine.logical_cores = ::sysconf(_SC_NPROCESSORS_ONLN);
  std::set<std::string> cores;  // a core is its package and its number there
  std::ifstream in("/proc/cpuinfo");
  std::string package;
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(": ");
    if (colon == std::string::npos) continue;
    const std::string value = line.substr(colon + 2);
    if (line.rfind("model name", 0) == 0) machine.cpu_model = value;
    if (line.rfind("physical id", 0) == 0) package = value;
    if (line.rfind("core id", 0) == 0) cores.insert(package + "/" + value);
  }
  machine.cores = cores.empty() ? machine.logical_cores : static_cast<std::int64_t>(cores.size());
  struct statvfs disk {};
  if (::statvfs("/", &disk) == 0) {
    const auto size = static_cast<std::int64_t>(disk.f_frsize);
    machine.disk_total = static_cast<std::int64_t>(disk.f_blocks) * size;
    machine.disk_used = static_cast<std::int64_t>(disk.f_blocks - disk.f_bfree) * size;
  }
  const double memory = kilobytes("/proc/meminfo", "MemTotal:");
  machine.memory_total = memory < 0 ? 0 : static_cast<std::int64_t>(memory);
  return machine;
}

SystemSampler::SystemSampler()
    : first_(traffic()),
      last_cpus_(cpu_times()),
      last_process_(process_seconds()),
      last_time_(std::chrono::steady_clock::now()) {}

std::vector<std::pair<std::string, double>> SystemSampler::sample() {
  std::vector<std::pair<std::string, double>> row;
  const auto add = [&](std::string name, double v) { row.emplace_back(std::move(name), v); };
  for (const auto& [name, value] : traffic())
    if (first_.count(name) != 0) add(name, value - first_[name]);

  const auto now = std::chrono::steady_clock::now();
  const double elapsed = std::chrono::duration<double>(now - last_time_).count();
  const std::vector<CpuTime> cpus = cpu_times();
  const double process = process_seconds();
  if (elapsed > 0 && !cpus.empty())
    add("cpu", 100 * (process - last_process_) / elapsed / static_cast<double>(cpus.size()));
  for (std::size_t i = 0; i < cpus.size() && cpus.size() == last_cpus_.size(); ++i) {
    const double total = cpus[i].total - last_cpus_[i].total;
    if (total > 0) add("cpu." + std::to_string(i) + ".cpu_percent", 100 * (cpus[i].busy - last_cpus_[i].busy) / total);
  }
  last_cpus_ = cpus, last_process_ = process, last_time_ = now;

  const double total = kilobytes("/proc/meminfo", "MemTotal:");
  const double available = kilobytes("/proc/meminfo", "MemAvailable:");
  const double rss = kilobytes("/proc/self/status", "VmRSS:");
  if (total > 0 && available >= 0) {
    add("memory_percent", 100 * (total - available) / total);
    add("proc.memory.availableMB", available / megabyte);
  }
  if (total > 0 && rss >= 0) {
    add("proc.memory.rssMB", rss / megabyte);
    add("proc.memory.percent", 100 * rss / total);
  }
  const double threads = kilobytes("/proc/self/status", "Threads:");
  if (threads >= 0) add("proc.cpu.threads", threads);
  struct statvfs disk {};
  if (::statvfs("/", &disk) == 0 && disk.f_blocks > 0) {
    const double used = static_cast<double>(disk.f_blocks - disk.f_bfree);
    add("disk./.usagePercent", 100 * used / (used + static_cast<double>(disk.f_bavail)));
    add("disk./.usageGB", used * static_cast<double>(disk.f_frsize) / gigabyte);
  }
  return row;
}

std::vector<SystemSampler::CpuTime> SystemSampler::cpu_times() {
  std::vector<CpuTime> cpus;
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("cpu", 0) != 0 || line.size() < 4 || std::isdigit(line[3]) == 0) continue;
    std::istringstream fields(line.substr(line.find(' ')));
    double ticks = 0;
    CpuTime time;
    for (int i = 0; i < 8 && fields >> ticks; ++i) {  // user nice system idle iowait irq ...
      time.total += ticks;
      if (i != 3 && i != 4) time.busy += ticks;
    }
    cpus.push_back(time);
  }
  return cpus;
}

SystemSampler::Counters SystemSampler::traffic() {
  Counters counters;
  std::ifstream net("/proc/net/dev");
  double sent = 0, received = 0;
  for (std::string line; std::getline(net, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;  // the two lines of titles
    std::istringstream fields(line.substr(colon + 1));
    double value = 0;
    for (int i = 0; i < 9 && fields >> value; ++i) {
      if (i == 0) received += value;
      if (i == 8) sent += value;
    }
  }
  counters["network.sent"] = sent;
  counters["network.recv"] = received;
  std::ifstream disks("/proc/diskstats");
  for (std::string line; std::getline(disks, line);) {
    std::istringstream fields(line);
    double major, minor, reads, merged, sectors_read, ms, writes, merged_writes, sectors_written;
    std::string name;
    if (!(fields >> major >> minor >> name >> reads >> merged >> sectors_read >> ms >> writes >> merged_writes >>
          sectors_written) ||
        !is_disk(name))
      continue;
    counters["disk." + name + ".in"] = sectors_read * 512 / megabyte;
    counters["disk." + name + ".out"] = sectors_written * 512 / megabyte;
  }
  return counters;
}

double SystemSampler::process_seconds() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

}  // namespace trainer::wandb
