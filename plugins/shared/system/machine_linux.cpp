// SPDX-License-Identifier: Apache-2.0
//
// The machine as uname() and /proc show it.
#include <sys/utsname.h>
#include <unistd.h>

#include <cctype>
#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#if defined(__GLIBC__)
#include <gnu/libc-version.h>
#endif

#include "shared/system/machine.hpp"

namespace trainer::plugins {
namespace {

std::string trimmed(const std::string& text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

/// ARM kernels give no brand, only numbers (MIDR_EL1); lscpu names them in the same way.
std::string arm_model(const std::string& implementer, const std::string& part) {
  static const std::map<std::string, std::string> parts = {
      {"0x41/0xd07", "Cortex-A57"},  {"0x41/0xd08", "Cortex-A72"},  {"0x41/0xd0b", "Cortex-A76"},
      {"0x41/0xd0c", "Neoverse-N1"}, {"0x41/0xd40", "Neoverse-V1"}, {"0x41/0xd49", "Neoverse-N2"},
      {"0x41/0xd4f", "Neoverse-V2"}, {"0xc0/0xac3", "Ampere-1"},    {"0xc0/0xac4", "Ampere-1a"}};
  const auto found = parts.find(implementer + "/" + part);
  return found == parts.end() ? std::string() : found->second;
}

/// A line of /proc/stat behind its name: user nice system idle iowait irq softirq steal; the guest times
/// that follow are in user and nice. How many of them were there is in `count`.
CpuTimes read_times(std::istream& line, int& count) {
  CpuTimes times;
  double ticks = 0;
  for (count = 0; count < 8 && line >> ticks; ++count) {
    times.total += ticks;
    if (count != 3 && count != 4) times.busy += ticks;
  }
  return times;
}

}  // namespace

OperatingSystem operating_system() {
  OperatingSystem system;
  utsname name{};
  if (::uname(&name) == 0) system = {name.sysname, name.release, name.machine, {}};
#if defined(__GLIBC__)
  system.c_library = std::string("glibc") + ::gnu_get_libc_version();
#endif
  return system;
}

Processors processors() {
  Processors out;
  const long threads = ::sysconf(_SC_NPROCESSORS_ONLN);
  out.threads = threads > 0 ? static_cast<int>(threads) : 0;
  std::set<std::string> sockets, cores;  // a core is its socket and its number there
  std::string socket, board, implementer, part;
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    const std::size_t colon = line.find(':');
    if (colon == std::string::npos) continue;
    const std::string key = trimmed(line.substr(0, colon)), value = trimmed(line.substr(colon + 1));
    if (key == "model name" && out.model.empty()) out.model = value;
    if (key == "physical id") sockets.insert(socket = value);
    if (key == "core id") cores.insert(socket + "/" + value);
    if (key == "Model") board = value;
    if (key == "CPU implementer") implementer = value;
    if (key == "CPU part") part = value;
  }
  if (out.model.empty()) out.model = arm_model(implementer, part);
  if (out.model.empty()) out.model = board;
  if (!sockets.empty()) out.sockets = static_cast<int>(sockets.size());
  out.cores = static_cast<int>(cores.size());
  return out;
}

std::optional<CpuTimes> cpu_times() {
  std::ifstream in("/proc/stat");
  std::string name;
  int count = 0;
  if (!(in >> name) || name != "cpu") return std::nullopt;
  const CpuTimes times = read_times(in, count);
  return count == 8 ? std::make_optional(times) : std::nullopt;
}

std::vector<CpuTimes> times_of_each_cpu() {
  std::vector<CpuTimes> all;
  std::ifstream in("/proc/stat");
  for (std::string line; std::getline(in, line);) {
    if (line.rfind("cpu", 0) != 0 || line.size() < 4 || std::isdigit(static_cast<unsigned char>(line[3])) == 0)
      continue;
    std::istringstream fields(line.substr(line.find(' ')));
    int count = 0;
    all.push_back(read_times(fields, count));
  }
  return all;
}

Memory machine_memory() {
  constexpr const char* file = "/proc/meminfo";
  return {value_in_file(file, "MemTotal:"), value_in_file(file, "MemAvailable:")};
}

std::optional<double> value_in_file(const char* file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.compare(0, name.size(), name) == 0) {
      const double value = std::strtod(line.c_str() + name.size(), nullptr);
      return line.find("kB") == line.npos ? value : value * 1024;
    }
  return std::nullopt;
}

}  // namespace trainer::plugins
