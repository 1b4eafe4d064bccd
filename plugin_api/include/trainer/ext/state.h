/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/state.h - "trainer.state/1": a callback whose state is kept in checkpoints.
 *
 * The state has two parts, as ExportableState.state() gives it in transformers: `args` is the
 * configuration to create the instance with, `attributes` what to set on it afterwards. Both are
 * stored in trainer_state.json under stateful_callbacks, by the note's "class". With
 * `restore_callback_states_from_checkpoint` the host creates a new instance with the stored args as
 * its configuration, and gives it the stored attributes.
 */
#ifndef TRAINER_EXT_STATE_H
#define TRAINER_EXT_STATE_H

#include "../callback.h"

#define TRAINER_EXT_STATE "trainer.state/1"

/* Plugin side: from trainer_callback.get_extension. */
typedef struct trainer_ext_state {
  uint32_t struct_size;
  uint32_t reserved;

  /* Fills the two maps, which come empty. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* save)(trainer_callback* self, trainer_map* args, trainer_map* attributes);

  /* Takes stored attributes over, perhaps another version's: a key may be missing, unknown or of
   * another type. TRAINER_ERROR refuses them, with a reason. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* load)(trainer_callback* self, const trainer_map* attributes);

  /* The name under which this instance's state is kept, for a plugin that runs callbacks of several
   * classes; the text is valid until `destroy`. May be null, and the text empty: the note's "class"
   * then. With another name `args` are those of that class: a new instance gets this one's
   * configuration with them as its "kwargs". [trainer-thread & !event] */
  void(TRAINER_CALL* class_name)(trainer_callback* self, trainer_text* name);
} trainer_ext_state;
TRAINER_LAST_FIELD(trainer_ext_state, class_name);

#endif
