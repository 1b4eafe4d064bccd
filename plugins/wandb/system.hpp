// SPDX-License-Identifier: Apache-2.0
//
// What the W&B plugin asks of the operating system beside files (sdk/file.hpp): system_linux.cpp is
// the file to port.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace trainer::wandb {

struct Machine {
  std::string os, program, directory, host, cpu_model;
  std::int64_t cores = 0, logical_cores = 0, disk_total = 0, disk_used = 0, memory_total = 0;
};
Machine this_machine();

/// System rows by the names of W&B's own monitor. Shares of time and traffic are counted from the
/// call before, totals from the making of the sampler.
class SystemSampler {
 public:
  SystemSampler();
  /// (name, value); what this system does not tell is left out.
  std::vector<std::pair<std::string, double>> sample();

 private:
  struct CpuTime {
    double busy = 0, total = 0;
  };
  using Counters = std::map<std::string, double>;
  static std::vector<CpuTime> cpu_times();
  static Counters traffic();
  static double process_seconds();

  Counters first_;
  std::vector<CpuTime> last_cpus_;
  double last_process_ = 0;
  std::chrono::steady_clock::time_point last_time_;
};

/// Makes the link, in one step, where the system has links; whether it did.
bool replace_link(const std::filesystem::path& link, const std::filesystem::path& target);

/// A program on PATH, or empty.
std::filesystem::path find_program(const std::string& name);

/// Starts `arguments` with its output in `log` and waits for at most `limit`; it goes on after
/// that. Its exit status, -1 when it still runs, -2 when it could not be started.
int run_program(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                std::chrono::duration<double> limit);

}  // namespace trainer::wandb
