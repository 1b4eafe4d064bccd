/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/results.h - "trainer.results/1": where a tracker's results are, and how to look at them.
 *
 * When a training has ended, however it ended, the host asks each callback for its results. The summary
 * prints them, and `trainer show` and the report find them in a file of the output_dir,
 * plugin_results.json. A callback without results has nothing at index 0.
 */
#ifndef TRAINER_EXT_RESULTS_H
#define TRAINER_EXT_RESULTS_H

#include "../callback.h"

#define TRAINER_EXT_RESULTS "trainer.results/1"

#define TRAINER_MOST_RESULTS 16u /* of an instance; the host asks for no more */

/* Text of one line each, UTF-8; borrowed until the next call of the instance, whatever it is. */
typedef struct trainer_result {
  uint32_t struct_size; /* set by the host before the plugin fills the rest */
  uint32_t reserved;
  trainer_text label; /* a word or two for a list: "event files". Cut at 40 bytes */
  /* A URL, which has "://" in it, or the path of a file or directory, absolute or from the working
   * directory. The host keeps a path below the output_dir relative to it, so that it holds when that is
   * moved; one that does not exist is left out. May be empty when there is a `view`. Cut at 4096 bytes */
  trainer_text place;
  /* A command for a shell that shows it, or empty. In it "{place}" stands for `place`, quoted as a shell
   * needs it: "tensorboard --logdir {place}". Cut at 4096 bytes */
  trainer_text view;
} trainer_result;
TRAINER_LAST_FIELD(trainer_result, view);

/* Plugin side: from trainer_callback.get_extension. */
typedef struct trainer_ext_results {
  uint32_t struct_size;
  uint32_t reserved;

  /* The result `index`, asked for from 0 on; TRAINER_NOT_FOUND past the last one. TRAINER_ERROR leaves
   * out this and those behind it, with a warning. After `ended` of ext/outcome.h, and again when there
   * is another training. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* at)(trainer_callback* self, uint64_t index, trainer_result* result);
} trainer_ext_results;
TRAINER_LAST_FIELD(trainer_ext_results, at);

#endif
