/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/model.h - "trainer.model/1": the model as files, for a tracker that stores models.
 */
#ifndef TRAINER_EXT_MODEL_H
#define TRAINER_EXT_MODEL_H

#include "../host.h"

#define TRAINER_EXT_MODEL "trainer.model/1"

/* Host side: from trainer_host.get_extension; null when there is no model, as in a replay. */
typedef struct trainer_ext_model {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes what Trainer.save_model() writes into a directory, which is made when it is not there:
   * model.safetensors, with the weights of this moment, and training_args.json. Each file is replaced
   * whole. Returns when they are on the disk. On failure TRAINER_ERROR, and *error is the sentence,
   * valid until the next call. [trainer-thread & event] */
  int32_t(TRAINER_CALL* save)(const trainer_host* host, const char* directory, uint64_t size, trainer_text* error);
} trainer_ext_model;
TRAINER_LAST_FIELD(trainer_ext_model, save);

#endif
