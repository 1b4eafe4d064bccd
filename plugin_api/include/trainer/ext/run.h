/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/run.h - "trainer.run/1": whether the events come from a training or from a finished run's file.
 *
 * `trainer replay` plays the log history of a finished run through plugins. A tracker that has kept
 * what it could not send in the first place sends that then, with its own times and names.
 */
#ifndef TRAINER_EXT_RUN_H
#define TRAINER_EXT_RUN_H

#include "../host.h"

#define TRAINER_EXT_RUN "trainer.run/1"

#define TRAINER_RUN_TRAINING 0u /* train, evaluate or predict */
#define TRAINER_RUN_REPLAY 1u   /* no model, no optimizer; the times of the events are not the run's */

/* Host side: from trainer_host.get_extension. */
typedef struct trainer_ext_run {
  uint32_t struct_size;
  uint32_t reserved;

  /* TRAINER_RUN_...; never changes for an instance. A plugin takes an unknown number for
   * TRAINER_RUN_TRAINING. [trainer-thread] */
  uint32_t(TRAINER_CALL* kind)(const trainer_host* host);
} trainer_ext_run;
TRAINER_LAST_FIELD(trainer_ext_run, kind);

#endif
