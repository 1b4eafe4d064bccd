/* SPDX-License-Identifier: Apache-2.0
 *
 * callback.h - a callback: sixteen function slots and the plugin's own data.
 *
 * A null slot is an event not subscribed: it costs nothing, and the host does not even build the
 * event when nobody listens. The slots must match the "events" of the plugin's note and must not
 * change after `create` returned. C++ exceptions must not leave a slot; sdk.hpp sees to that.
 *
 * The slots stand in the order of the events' numbers (event.h), and new ones are appended in it.
 */
#ifndef TRAINER_CALLBACK_H
#define TRAINER_CALLBACK_H

#include "event.h"

typedef struct trainer_callback trainer_callback;

/* TRAINER_OK, or TRAINER_ERROR after trainer_host.set_error. [trainer-thread & active] */
typedef int32_t(TRAINER_CALL* trainer_slot)(trainer_callback* self, const trainer_event* event);

/* Owned by the plugin from `create` until `destroy`. */
struct trainer_callback {
  uint32_t struct_size;
  uint32_t reserved;
  void* data; /* the plugin's */

  /* Ends the instance and frees it; called once, while LibTorch is alive. May be null.
   * [trainer-thread & !event] */
  void(TRAINER_CALL* destroy)(trainer_callback* self);

  /* The instance's side of an optional feature, by its id (ext/ *.h), or null. The answer stays
   * valid until `destroy`. May itself be null. [trainer-thread & !event] */
  const void*(TRAINER_CALL* get_extension)(trainer_callback* self, const char* id);

  trainer_slot on_init_end;
  trainer_slot on_train_begin;
  trainer_slot on_train_end;
  trainer_slot on_epoch_begin;
  trainer_slot on_epoch_end;
  trainer_slot on_step_begin;
  trainer_slot on_pre_optimizer_step;
  trainer_slot on_optimizer_step;
  trainer_slot on_substep_end;
  trainer_slot on_step_end;
  trainer_slot on_evaluate;
  trainer_slot on_predict;
  trainer_slot on_save;
  trainer_slot on_log;
  trainer_slot on_prediction_step;
  trainer_slot on_push_begin;
};
TRAINER_LAST_FIELD(struct trainer_callback, on_push_begin);

/* clang-format off */
/* The slots in their order, for a table of them. */
#define TRAINER_FOR_EACH_SLOT(X) \
  X(on_init_end) X(on_train_begin) X(on_train_end) X(on_epoch_begin) X(on_epoch_end) X(on_step_begin) \
  X(on_pre_optimizer_step) X(on_optimizer_step) X(on_substep_end) X(on_step_end) X(on_evaluate) X(on_predict) \
  X(on_save) X(on_log) X(on_prediction_step) X(on_push_begin)
/* clang-format on */

#endif
