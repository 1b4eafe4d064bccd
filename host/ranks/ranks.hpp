// SPDX-License-Identifier: Apache-2.0
//
// Who this process is among those of a launch.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace trainer {

/// As torchrun, mpirun or srun says it. A process that was started alone is rank 0 of 1.
struct Ranks {
  int rank = 0, world = 1;
  int local_rank = 0, local_world = 1;  ///< among those on this machine
  int node_rank = 0;                    ///< of the machine
  int restart = 0;                      ///< how often torchrun has started all of them again
  std::string master = "127.0.0.1";     ///< rank 0's address as all ranks see it, a name or a number
  std::uint16_t port = 29500;           ///< of the store there
  bool agent_store = false;             ///< torchrun's agent serves the store
  std::string launcher;                 ///< "torchrun", "OpenMPI", "MPI", "SLURM"; empty for a process alone

  bool alone() const { return world == 1; }
  bool is_world_process_zero() const { return rank == 0; }
  bool is_local_process_zero() const { return local_rank == 0; }
};

/// A variable of the environment, or null.
using Environment = std::function<const char*(const char* name)>;

/// Of the first launcher whose variables are set: torchrun's (RANK), OpenMPI's, MPICH's and its like (PMI_RANK,
/// MV2_COMM_WORLD_RANK), and SLURM's within a step of srun. An Error (ranks.environment-invalid, usage) that names the
/// variable for one that is missing or contradicts another.
Ranks ranks_from_environment();
Ranks ranks_from(const Environment& environment);

/// "rank 1 (host b)", as sentences name a rank of this machine.
std::string rank_text(const Ranks& ranks);

}  // namespace trainer
