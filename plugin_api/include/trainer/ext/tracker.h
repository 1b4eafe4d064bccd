/* SPDX-License-Identifier: Apache-2.0
 *
 * ext/tracker.h - "trainer.tracker/1": whether a tracker is configured here.
 *
 * `report_to: "all"` means every installed tracker that is available, and available means
 * configured, so that "all" never surprises: MLflow without a tracking URI is not. A plugin without
 * this extension is always available.
 */
#ifndef TRAINER_EXT_TRACKER_H
#define TRAINER_EXT_TRACKER_H

#include "../host.h"

#define TRAINER_EXT_TRACKER "trainer.tracker/1"

/* Plugin side: from trainer_plugin.get_extension, before any instance exists. */
typedef struct trainer_ext_tracker {
  uint32_t struct_size;
  uint32_t reserved;

  /* TRAINER_OK; or, after host->set_error with the reason and the variable or package to set,
   * TRAINER_NOT_CONFIGURED for a tracker that works once report_to names it but that "all" leaves out,
   * and TRAINER_UNAVAILABLE for one that cannot work at all. Only log, set_error, argument, config and config_json of
   * `host` may be used; the configuration is the one that the instance would get, for report_to the note's defaults.
   * Must not touch the network. Perhaps on another thread than `create`, which is the host's thread for it then.
   * [trainer-thread & !event] */
  int32_t(TRAINER_CALL* available)(const trainer_host* host);
} trainer_ext_tracker;
TRAINER_LAST_FIELD(trainer_ext_tracker, available);

#endif
