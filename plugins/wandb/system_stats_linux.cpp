// SPDX-License-Identifier: Apache-2.0
//
// Traffic, disks, processors and memory as /proc and statvfs() show them.
#include "system_stats.hpp"

#include <sys/statvfs.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shared/system/environment.hpp"

namespace trainer::wandb {
namespace {

constexpr double megabyte = 1024.0 * 1024.0, gigabyte = 1024.0 * megabyte;

/// Whole disks, not their partitions, and neither loop nor RAM devices.
bool is_disk(const std::string& name) {
  return std::filesystem::exists("/sys/block/" + name) && name.rfind("loop", 0) != 0 && name.rfind("ram", 0) != 0;
}

}  // namespace

Machine this_machine() {
  Machine machine;
  const plugins::OperatingSystem os = plugins::operating_system();
  if (!os.name.empty()) machine.os = os.name + "-" + os.release + "-" + os.architecture;
  std::error_code error;
  machine.program = std::filesystem::read_symlink("/proc/self/exe", error).string();
  machine.directory = std::filesystem::current_path(error).string();
  machine.host = plugins::host_name();
  const plugins::Processors cpus = plugins::processors();
  machine.cpu_model = cpus.model;
  machine.logical_cores = cpus.threads;
  machine.cores = cpus.cores == 0 ? cpus.threads : cpus.cores;
  struct statvfs disk {};
  if (::statvfs("/", &disk) == 0) {
    const auto size = static_cast<std::int64_t>(disk.f_frsize);
    machine.disk_total = static_cast<std::int64_t>(disk.f_blocks) * size;
    machine.disk_used = static_cast<std::int64_t>(disk.f_blocks - disk.f_bfree) * size;
  }
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

  constexpr const char* status = "/proc/self/status";
  const plugins::Memory memory = plugins::machine_memory();
  const double total_memory = memory.total.value_or(0);
  if (total_memory > 0 && memory.available) {
    add("memory_percent", 100 * (total_memory - *memory.available) / total_memory);
    add("proc.memory.availableMB", *memory.available / megabyte);
  }
  const auto rss = plugins::value_in_file(status, "VmRSS:");
  if (total_memory > 0 && rss) {
    add("proc.memory.rssMB", *rss / megabyte);
    add("proc.memory.percent", 100 * *rss / total_memory);
  }
  if (const auto threads = plugins::value_in_file(status, "Threads:")) add("proc.cpu.threads", *threads);
  struct statvfs disk {};
  if (::statvfs("/", &disk) == 0 && disk.f_blocks > 0) {
    const double used = static_cast<double>(disk.f_blocks - disk.f_bfree);
    add("disk./.usagePercent", 100 * used / (used + static_cast<double>(disk.f_bavail)));
    add("disk./.usageGB", used * static_cast<double>(disk.f_frsize) / gigabyte);
  }
  return row;
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
