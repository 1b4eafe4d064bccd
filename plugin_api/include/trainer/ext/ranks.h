/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/ranks.h - "trainer.ranks/1": in which processes of a run the plugin runs.
 *
 * Training on several processes (ranks) runs the whole loop in each of them, and every event is fired in
 * each. A plugin without this extension runs in all, as in transformers, and looks at the state's
 * is_world_process_zero before it writes what all would write. One that says where it runs is loaded and
 * checked everywhere and made only there; the flags that it changes count for all ranks, and its state is
 * that of rank 0. A run may say otherwise, with "ranks" beside the plugin's name.
 */
#ifndef TRAINER_EXT_RANKS_H
#define TRAINER_EXT_RANKS_H

#include "../abi.h"

#define TRAINER_EXT_RANKS "trainer.ranks/1"

#define TRAINER_RANKS_ALL 0u
#define TRAINER_RANKS_WORLD_ZERO 1u /* rank 0 alone */
#define TRAINER_RANKS_LOCAL_ZERO 2u /* the first rank of each machine */

/* Plugin side: from trainer_plugin.get_extension, before any instance exists. */
typedef struct trainer_ext_ranks {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t where; /* TRAINER_RANKS_...; a host takes an unknown number for TRAINER_RANKS_ALL */
  uint32_t reserved2;
} trainer_ext_ranks;
TRAINER_LAST_FIELD(trainer_ext_ranks, reserved2);

#endif
