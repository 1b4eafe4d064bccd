/* SPDX-License-Identifier: Apache-2.0
 *
 * state.h - TrainerState, flat and read-only, as a callback sees it.
 *
 * The names and meanings are transformers' (trainer_callback.py, class TrainerState). Nullable
 * fields have a bit in `present`; without it the field is zero. `log_history` is not here: ask
 * trainer_host for its entries, or for all of the state as JSON, where an int is no float.
 */
#ifndef TRAINER_STATE_H
#define TRAINER_STATE_H

#include "abi.h"

/* Bits of trainer_state.present. */
#define TRAINER_STATE_HAS_BEST_METRIC 1u
#define TRAINER_STATE_HAS_BEST_GLOBAL_STEP 2u
#define TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT 4u
#define TRAINER_STATE_HAS_TRAIN_BATCH_SIZE 8u
#define TRAINER_STATE_HAS_TRIAL_NAME 16u

/* Their deprecated names, which look as if they were of one set with the bits of an event. */
#define TRAINER_HAS_BEST_METRIC TRAINER_STATE_HAS_BEST_METRIC
#define TRAINER_HAS_BEST_GLOBAL_STEP TRAINER_STATE_HAS_BEST_GLOBAL_STEP
#define TRAINER_HAS_BEST_MODEL_CHECKPOINT TRAINER_STATE_HAS_BEST_MODEL_CHECKPOINT
#define TRAINER_HAS_TRAIN_BATCH_SIZE TRAINER_STATE_HAS_TRAIN_BATCH_SIZE
#define TRAINER_HAS_TRIAL_NAME TRAINER_STATE_HAS_TRIAL_NAME

typedef struct trainer_state {
  uint32_t struct_size;
  uint32_t present;         /* TRAINER_STATE_HAS_... bits */
  double epoch;             /* epochs done, with the fraction of the current one */
  int64_t global_step;      /* optimizer steps done */
  int64_t max_steps;        /* optimizer steps of this run */
  int64_t num_train_epochs; /* rounded up */
  int64_t train_batch_size; /* rows a micro-batch */
  int64_t num_input_tokens_seen;
  double logging_steps; /* resolved: a ratio given as argument is a step count here */
  double eval_steps;
  double save_steps;
  double total_flos;  /* floating-point operations, 0 for models without an estimate */
  double best_metric; /* kept by the trainer, after on_evaluate */
  int64_t best_global_step;
  trainer_text best_model_checkpoint; /* path; borrowed during the call */
  trainer_text trial_name;            /* borrowed during the call */
  uint32_t is_local_process_zero;     /* 0 or 1, as the next two */
  uint32_t is_world_process_zero;
  uint32_t is_hyper_param_search;
  uint32_t reserved;
} trainer_state;
TRAINER_LAST_FIELD(trainer_state, reserved);

#endif
