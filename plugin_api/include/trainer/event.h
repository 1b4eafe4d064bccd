/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h - the sixteen events, and what a callback is handed with each.
 *
 * Order of a run, with the parts in [ ] when due:
 *   init_end, train_begin, then per epoch: epoch_begin, then per optimizer step: step_begin,
 *   substep_end for every micro-batch but the last, pre_optimizer_step, optimizer_step, step_end,
 *   [log], [prediction_step per batch, log, evaluate], [push_begin], [save]; then epoch_end with the
 *   same parts; at the end log with the summary, and train_end. predict() gives prediction_step and
 *   predict. push_begin comes within a run from transformers' push_to_hub alone; LibTrainer fires it
 *   first in Trainer::push(), which a program calls.
 */
#ifndef TRAINER_EVENT_H
#define TRAINER_EVENT_H

#include "control.h"
#include "state.h"
#include "value.h"

#define TRAINER_ON_INIT_END 0u
#define TRAINER_ON_TRAIN_BEGIN 1u
#define TRAINER_ON_TRAIN_END 2u
#define TRAINER_ON_EPOCH_BEGIN 3u
#define TRAINER_ON_EPOCH_END 4u
#define TRAINER_ON_STEP_BEGIN 5u
#define TRAINER_ON_PRE_OPTIMIZER_STEP 6u /* gradients are clipped, and unscaled under fp16 */
#define TRAINER_ON_OPTIMIZER_STEP 7u     /* weights are new, gradients still there */
#define TRAINER_ON_SUBSTEP_END 8u
#define TRAINER_ON_STEP_END 9u
#define TRAINER_ON_EVALUATE 10u /* values: the metrics */
#define TRAINER_ON_PREDICT 11u  /* values: the metrics */
#define TRAINER_ON_SAVE 12u     /* the checkpoint is whole on disk */
#define TRAINER_ON_LOG 13u      /* values: the logs */
#define TRAINER_ON_PREDICTION_STEP 14u
#define TRAINER_ON_PUSH_BEGIN 15u
#define TRAINER_EVENT_COUNT 16u

/* Bits of trainer_event.has: what the trainer has at this moment. */
#define TRAINER_EVENT_HAS_OPTIMIZER 1u
#define TRAINER_EVENT_HAS_LR_SCHEDULER 2u
#define TRAINER_EVENT_HAS_TRAIN_DATALOADER 4u
#define TRAINER_EVENT_HAS_EVAL_DATALOADER 8u

/* Their deprecated names. */
#define TRAINER_HAS_OPTIMIZER TRAINER_EVENT_HAS_OPTIMIZER
#define TRAINER_HAS_LR_SCHEDULER TRAINER_EVENT_HAS_LR_SCHEDULER
#define TRAINER_HAS_TRAIN_DATALOADER TRAINER_EVENT_HAS_TRAIN_DATALOADER
#define TRAINER_HAS_EVAL_DATALOADER TRAINER_EVENT_HAS_EVAL_DATALOADER

/* Everything in it is borrowed: valid until the callback returns. */
typedef struct trainer_event {
  uint32_t struct_size;
  uint32_t kind;              /* TRAINER_ON_... */
  const trainer_state* state; /* never null */
  trainer_control* control;   /* never null; flags may be changed */
  trainer_map* values;        /* logs or metrics, shared and changeable; null for other events */
  uint32_t has;               /* TRAINER_EVENT_HAS_... bits */
  uint32_t reserved;
  int64_t eval_dataloader_size; /* batches of the running evaluation; -1 when none or unknown */

  /* Since 1.1. Batches of an epoch that this process trains on, a batch being a micro-batch: several of them make a
   * step with gradient_accumulation_steps. -1 before a training, in a replay, and of a stream, whose end nobody knows.
   */
  int64_t train_dataloader_size;
} trainer_event;
TRAINER_LAST_FIELD(trainer_event, train_dataloader_size);

#endif
