/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/outcome.h - "trainer.outcome/1": how a training ended, and why.
 *
 * on_train_end is fired only when the loop came to its end, and says nothing of who ended it. A callback
 * with this extension is told once at the end of each training, behind its last event and before
 * `destroy`: also of one that failed, even before on_train_begin. A replay trains nothing, and tells
 * nothing.
 */
#ifndef TRAINER_EXT_OUTCOME_H
#define TRAINER_EXT_OUTCOME_H

#include "../callback.h"

#define TRAINER_EXT_OUTCOME "trainer.outcome/1"

#define TRAINER_OUTCOME_COMPLETED 0u   /* all steps were made */
#define TRAINER_OUTCOME_STOPPED 1u     /* before that, a callback or the program asked for the end: see `by` */
#define TRAINER_OUTCOME_INTERRUPTED 2u /* the same by a signal: see `signal` */
#define TRAINER_OUTCOME_FAILED 3u      /* an error ended it: see `error` */

/* Text is UTF-8, and borrowed until the function returns. */
typedef struct trainer_outcome {
  uint32_t struct_size;
  uint32_t kind;       /* TRAINER_OUTCOME_...; a plugin takes an unknown number for TRAINER_OUTCOME_STOPPED */
  int64_t global_step; /* steps made */
  int64_t max_steps;   /* steps that there were to make; 0 when it failed before they were counted */
  double epoch;
  int32_t signal; /* its number, such as 15; otherwise 0 */
  uint32_t reserved;
  /* Of a stopped one the callback that asked for it, by its name in the run, "NAME on rank N" in another
   * process; empty when it was the program. Of another outcome empty. */
  trainer_text by;
  trainer_text error;    /* of a failed one the sentence, one line */
  trainer_text error_id; /* and its id, such as "callback.failed" (docs/errors.md) */
} trainer_outcome;
TRAINER_LAST_FIELD(trainer_outcome, error_id);

/* Plugin side: from trainer_callback.get_extension. */
typedef struct trainer_ext_outcome {
  uint32_t struct_size;
  uint32_t reserved;

  /* After TRAINER_ERROR and trainer_host.set_error the run fails if its on_error for the callback is
   * "fail"; otherwise, and of a training that has failed already, it is a warning. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* ended)(trainer_callback* self, const trainer_outcome* outcome);
} trainer_ext_outcome;
TRAINER_LAST_FIELD(trainer_ext_outcome, ended);

#endif
