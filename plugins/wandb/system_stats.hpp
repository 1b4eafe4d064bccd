// SPDX-License-Identifier: Apache-2.0
//
// What a run of W&B says of its machine: once at its beginning, and every some seconds while it goes on.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "shared/system/machine.hpp"

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
  std::map<std::string, double> first_;  ///< traffic
  std::vector<plugins::CpuTimes> last_cpus_;
  double last_process_ = 0;
  std::chrono::steady_clock::time_point last_time_;
};

}  // namespace trainer::wandb
