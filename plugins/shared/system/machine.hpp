// SPDX-License-Identifier: Apache-2.0
//
// The machine: its system, processors and memory.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace trainer::plugins {

struct OperatingSystem {
  std::string name, release, architecture;  ///< "Linux", "6.1.0", "x86_64"
  std::string c_library;                    ///< "glibc2.36", empty when unknown
};
OperatingSystem operating_system();

struct Processors {
  std::string model;  ///< brand; of an ARM the name of its cores, as lscpu has it; empty when unknown
  int threads = 0;    ///< logical processors; 0 when unknown
  int cores = 0;      ///< 0 when unknown
  int sockets = 1;
};
Processors processors();

/// Time that processors spent, in any unit, since some moment.
struct CpuTimes {
  double busy = 0, total = 0;
};
std::optional<CpuTimes> cpu_times();  ///< of all together
std::vector<CpuTimes> times_of_each_cpu();

/// Bytes, nothing when unknown.
struct Memory {
  std::optional<double> total, available;
};
Memory machine_memory();

/// Of Linux alone: the number after `name` in a file of /proc, in bytes when it is in kB; nothing when it is not there.
std::optional<double> value_in_file(const char* file, std::string_view name);

}  // namespace trainer::plugins
