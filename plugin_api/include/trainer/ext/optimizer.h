/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/optimizer.h - "trainer.optimizer/1": the optimizer's groups of parameters, to read, and their learning
 * rates, to set. Since 1.1.
 *
 * A rate that is set is that of the next update of the weights, as when a callback of Python's Trainer sets
 * optimizer.param_groups[i]["lr"], and lasts as long as there: a schedule that each step drives, "constant"
 * too, sets every group's rate anew after each update, so a plugin that wants another one sets it for each
 * step, in on_step_begin or on_pre_optimizer_step. reduce_lr_on_plateau and greedy go on from the rate that
 * they find. On several processes the rate counts for all of them, wherever the plugin runs; where two set
 * one group's, that of the lowest rank.
 */
#ifndef TRAINER_EXT_OPTIMIZER_H
#define TRAINER_EXT_OPTIMIZER_H

#include "../host.h"

#define TRAINER_EXT_OPTIMIZER "trainer.optimizer/1"

/* One entry of torch's param_groups. */
typedef struct trainer_param_group {
  uint32_t struct_size; /* set by the plugin before the host fills the rest */
  uint32_t reserved;
  double lr;         /* of the next update */
  double initial_lr; /* before any schedule, which multiplies it */
  double weight_decay;
  uint64_t parameter_count; /* may be 0 */
} trainer_param_group;
TRAINER_LAST_FIELD(trainer_param_group, parameter_count);

/* Host side: from trainer_host.get_extension; null when nothing is trained, as in a replay. */
typedef struct trainer_ext_optimizer {
  uint32_t struct_size;
  uint32_t reserved;

  /* Number of groups; 0 before there is an optimizer (TRAINER_EVENT_HAS_OPTIMIZER).
   * [trainer-thread & event] */
  uint64_t(TRAINER_CALL* count)(const trainer_host* host);

  /* Group `index`. TRAINER_NOT_FOUND past the end; TRAINER_ERROR for a group whose struct_size is too small.
   * [trainer-thread & event] */
  int32_t(TRAINER_CALL* at)(const trainer_host* host, uint64_t index, trainer_param_group* group);

  /* The name of a group's parameter, as trainer.parameters/1 has it ("0.weight"); borrowed until the event
   * ends. TRAINER_NOT_FOUND past either end. [trainer-thread & event] */
  int32_t(TRAINER_CALL* parameter)(const trainer_host* host, uint64_t group, uint64_t index, trainer_text* name);

  /* Sets a group's learning rate; the run's record names who did. TRAINER_NOT_FOUND past the end;
   * TRAINER_ERROR, and nothing is set, for a rate that is negative or not finite.
   * [trainer-thread & event] */
  int32_t(TRAINER_CALL* set_lr)(const trainer_host* host, uint64_t group, double lr);
} trainer_ext_optimizer;
TRAINER_LAST_FIELD(trainer_ext_optimizer, set_lr);

#endif
