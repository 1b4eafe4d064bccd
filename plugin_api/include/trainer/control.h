/* SPDX-License-Identifier: Apache-2.0
 *
 * control.h - TrainerControl: the five flags by which callbacks steer the loop.
 *
 * A callback sets or clears them in place; the next callback sees the result. Each is 0 or 1. When
 * the trainer resets and reads them: see docs/callbacks.md, which follows transformers' Trainer.
 */
#ifndef TRAINER_CONTROL_H
#define TRAINER_CONTROL_H

#include "abi.h"

typedef struct trainer_control {
  uint32_t struct_size;
  uint32_t reserved;
  uint32_t should_training_stop; /* leave the loop after this micro-batch; reset at on_train_begin */
  uint32_t should_epoch_stop;    /* leave this epoch; reset at on_epoch_begin */
  uint32_t should_save;          /* write a checkpoint; reset at on_step_begin and on_save */
  uint32_t should_evaluate;      /* evaluate; reset at on_step_begin and on_evaluate */
  uint32_t should_log;           /* log the loss; reset at on_step_begin and on_log */
  uint32_t reserved2;
} trainer_control;
TRAINER_LAST_FIELD(trainer_control, reserved2);

#endif
