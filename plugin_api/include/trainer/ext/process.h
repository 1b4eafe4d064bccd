/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/process.h - "trainer.process/1": which process of the run this one is.
 *
 * What all ranks write, such as a file of their own, needs the rank in its name.
 */
#ifndef TRAINER_EXT_PROCESS_H
#define TRAINER_EXT_PROCESS_H

#include "../host.h"

#define TRAINER_EXT_PROCESS "trainer.process/1"

/* Of one process alone: 0, but for the two numbers of processes, which are 1. */
typedef struct trainer_process {
  uint32_t struct_size; /* set by the plugin before the host fills the rest */
  uint32_t reserved;
  uint32_t rank; /* below world_size */
  uint32_t world_size;
  uint32_t local_rank; /* on this machine, below local_world_size */
  uint32_t local_world_size;
  uint32_t node_rank;     /* of the machine */
  uint32_t restart_count; /* how often the launcher has started the ranks anew */
} trainer_process;
TRAINER_LAST_FIELD(trainer_process, restart_count);

/* Host side: from trainer_host.get_extension. */
typedef struct trainer_ext_process {
  uint32_t struct_size;
  uint32_t reserved;

  /* Never changes for an instance. TRAINER_ERROR for a process whose struct_size is too small.
   * [trainer-thread] */
  int32_t(TRAINER_CALL* describe)(const trainer_host* host, trainer_process* process);
} trainer_ext_process;
TRAINER_LAST_FIELD(trainer_ext_process, describe);

#endif
