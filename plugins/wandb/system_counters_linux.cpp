// SPDX-License-Identifier: Apache-2.0
//
// As /proc and statvfs() show them.
#include "system_counters.hpp"

#include <sys/statvfs.h>

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "shared/system/machine.hpp"

namespace trainer::wandb {
namespace {

/// Whole disks, not their partitions, and neither loop nor RAM devices.
bool is_disk(const std::string& name) {
  return std::filesystem::exists("/sys/block/" + name) && name.rfind("loop", 0) != 0 && name.rfind("ram", 0) != 0;
}

}  // namespace

std::string program_path() {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).string();
}

std::optional<Disk> disk() {
  struct statvfs found {};
  if (::statvfs("/", &found) != 0 || found.f_blocks == 0) return std::nullopt;
  const auto size = static_cast<double>(found.f_frsize), used = static_cast<double>(found.f_blocks - found.f_bfree);
  return Disk{"/", static_cast<double>(found.f_blocks) * size, used * size,
              100 * used / (used + static_cast<double>(found.f_bavail))};
}

std::map<std::string, double> traffic() {
  std::map<std::string, double> counters;
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

OwnProcess own_process() {
  timespec time{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  constexpr const char* status = "/proc/self/status";
  return {static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9,
          plugins::value_in_file(status, "VmRSS:"), plugins::value_in_file(status, "Threads:")};
}

}  // namespace trainer::wandb
