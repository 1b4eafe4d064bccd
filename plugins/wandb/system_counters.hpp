// SPDX-License-Identifier: Apache-2.0
//
// What the rows of system_stats are computed from, as each system tells it.
#pragma once

#include <map>
#include <optional>
#include <string>

namespace trainer::wandb {

constexpr double megabyte = 1024.0 * 1024.0, gigabyte = 1024.0 * megabyte;

/// The disk that W&B's monitor looks at where nobody names another.
struct Disk {
  std::string name;            ///< in the rows, "/" or "C:"
  double total = 0, used = 0;  ///< bytes
  double usage_percent = 0;    ///< of what a user may have
};
std::optional<Disk> disk();

/// Bytes, by the names of the rows: MB of disks, bytes of the network. They only grow.
std::map<std::string, double> traffic();

struct OwnProcess {
  double seconds = 0;  ///< of processors, in all
  std::optional<double> resident, threads;
};
OwnProcess own_process();

std::string program_path();

}  // namespace trainer::wandb
