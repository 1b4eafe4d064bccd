// SPDX-License-Identifier: Apache-2.0
//
// Which of a run's processes this one is, and in which of them a plugin runs.
#pragma once

#include <cstdint>

namespace trainer {

/// As ext/process.h has it. The launcher's variables tell it.
struct Process {
  std::uint32_t rank = 0;
  std::uint32_t world_size = 1;
  std::uint32_t local_rank = 0;
  std::uint32_t local_world_size = 1;
  std::uint32_t node_rank = 0;
  std::uint32_t restart_count = 0;
};

/// As ext/ranks.h has it, and "ranks" of a callback in a run file.
enum class RunsOn { all, world_zero, local_zero };

inline bool is_for(RunsOn where, const Process& process) {
  if (where == RunsOn::world_zero) return process.rank == 0;
  return where == RunsOn::all || process.local_rank == 0;
}

}  // namespace trainer
