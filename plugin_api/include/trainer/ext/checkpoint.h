/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/checkpoint.h - "trainer.checkpoint/1": where checkpoints are, and files of a plugin within them.
 *
 * The host says which directory on_save is about, and which one a training resumed from. A plugin whose
 * state is too large for ext/state.h, such as a copy of the weights, keeps it in files: each checkpoint
 * has a directory for them, plugins/ID. They are written before the checkpoint gets its name, listed with
 * their digests in checkpoint.json, given back at a resume, and removed with the checkpoint. Both sides
 * have the same id.
 */
#ifndef TRAINER_EXT_CHECKPOINT_H
#define TRAINER_EXT_CHECKPOINT_H

#include "../callback.h"
#include "../host.h"

#define TRAINER_EXT_CHECKPOINT "trainer.checkpoint/1"

/* Host side: from trainer_host.get_extension; null where there are no checkpoints, as in a replay. */
typedef struct trainer_ext_checkpoint {
  uint32_t struct_size;
  uint32_t reserved;

  /* The checkpoint that this on_save is about: an absolute path, borrowed until the event ends. It is
   * whole, and must not be changed. TRAINER_NOT_FOUND in another event. [trainer-thread & event] */
  int32_t(TRAINER_CALL* saved)(const trainer_host* host, trainer_text* directory);

  /* The one that this training resumed from, in the same way, from on_train_begin on; it may have been
   * removed meanwhile. TRAINER_NOT_FOUND when it began anew. [trainer-thread & event] */
  int32_t(TRAINER_CALL* resumed_from)(const trainer_host* host, trainer_text* directory);
} trainer_ext_checkpoint;
TRAINER_LAST_FIELD(trainer_ext_checkpoint, resumed_from);

/* Plugin side: from trainer_callback.get_extension. */
typedef struct trainer_ext_checkpoint_files {
  uint32_t struct_size;
  uint32_t reserved;

  /* Writes the instance's files for the checkpoint of this moment into a directory that is empty and has
   * another name afterwards. What is written are regular files, perhaps in directories, and they are
   * closed when this returns; the host flushes them. A directory that stays empty is left out. Called
   * of rank 0's instance alone. After TRAINER_ERROR the run's on_error decides. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* save)(trainer_callback* self, const char* directory, uint64_t size);

  /* The training resumes from a checkpoint with such files, which are those that `save` wrote, perhaps of
   * another version: before on_train_begin, after the state's `load`, of each rank's instance. Must not
   * change them. After TRAINER_ERROR the run's on_error decides. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* load)(trainer_callback* self, const char* directory, uint64_t size);
} trainer_ext_checkpoint_files;
TRAINER_LAST_FIELD(trainer_ext_checkpoint_files, load);

#endif
