/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/objects.h - "trainer.objects/1": what transformers hands to a callback beside the model: optimizer,
 * schedule and data loaders, as a description to read.
 */
#ifndef TRAINER_EXT_OBJECTS_H
#define TRAINER_EXT_OBJECTS_H

#include "../host.h"

#define TRAINER_EXT_OBJECTS "trainer.objects/1"

#define TRAINER_MODEL_TRAINING 256u /* model.training; the other bits of `present` are those of trainer_event.has */

/* Host side: from trainer_host.get_extension; null when there is no model, as in a replay. */
typedef struct trainer_ext_objects {
  uint32_t struct_size;
  uint32_t reserved;

  /* What there is at this moment, in bits. [trainer-thread & event] */
  uint32_t(TRAINER_CALL* present)(const trainer_host* host);

  /* A JSON object with a key for each that is present, and others in time:
   * "optimizer": {"param_groups": [{"lr": ..., "params": ["0.weight", ...], ...}]}, with the keys of torch's groups;
   * "lr_scheduler": {"last_lr": [...], "state": {...}}, with what state_dict() of Python's has;
   * "train_dataloader", "eval_dataloader": {"length": ..., "batch_size": ...}; the length of a stream is null.
   * Borrowed until the next call. [trainer-thread & event] */
  void(TRAINER_CALL* describe)(const trainer_host* host, trainer_text* json);
} trainer_ext_objects;
TRAINER_LAST_FIELD(trainer_ext_objects, describe);

#endif
