/* SPDX-License-Identifier: Apache-2.0
 *
 * host.h - what a plugin may ask of the host. One table for each callback instance.
 *
 * The table is given to `create` and stays valid until the instance's `destroy` has returned.
 */
#ifndef TRAINER_HOST_H
#define TRAINER_HOST_H

#include "value.h"

#define TRAINER_LOG_DEBUG 1u
#define TRAINER_LOG_INFO 2u
#define TRAINER_LOG_WARNING 3u
#define TRAINER_LOG_ERROR 4u

typedef struct trainer_host trainer_host;

struct trainer_host {
  uint32_t struct_size;
  uint32_t abi_major; /* the host's, for plugins that adapt */
  uint32_t abi_minor;
  uint32_t reserved;
  void* data; /* the host's */

  /* One line for the run's log; the host adds the plugin's name. Copied, cut at 4096 bytes; lines beyond
   * a hundred a second are left out and counted. [any-thread] */
  void(TRAINER_CALL* log)(const trainer_host* host, uint32_t level, const char* text, uint64_t size);

  /* The sentence that belongs to the TRAINER_ERROR returned next: where, what was found, what was
   * expected, how to mend it. Copied, cut at 4096 bytes. [trainer-thread] */
  void(TRAINER_CALL* set_error)(const trainer_host* host, const char* text, uint64_t size);

  /* The whole configuration of this instance as a JSON object: what the run gave, checked against
   * the note's "config", with defaults filled in; no text in it has a zero byte. Valid until
   * `destroy`. [trainer-thread] */
  void(TRAINER_CALL* config_json)(const trainer_host* host, trainer_text* json);

  /* One key of it; text is valid until `destroy`. TRAINER_NOT_FOUND when absent; TRAINER_ERROR for a
   * value whose struct_size is too small, here and in `argument`. [trainer-thread] */
  int32_t(TRAINER_CALL* config)(const trainer_host* host, const char* key, uint64_t key_size, trainer_value* value);

  /* A training argument by transformers' name ("learning_rate"); text is borrowed until the next
   * call. TRAINER_NOT_FOUND for a name that does not exist. [trainer-thread] */
  int32_t(TRAINER_CALL* argument)(const trainer_host* host, const char* name, uint64_t name_size, trainer_value* value);

  /* All arguments as TrainingArguments.to_json_string() writes them: indent 2, tokens masked.
   * Borrowed until the next call. [trainer-thread] */
  void(TRAINER_CALL* arguments_json)(const trainer_host* host, trainer_text* json);

  /* The model's configuration as PretrainedConfig.to_json_string() writes one: indent 2, keys sorted,
   * a newline at the end; empty text when it has none. Borrowed until the next call.
   * [trainer-thread] */
  void(TRAINER_CALL* model_config_json)(const trainer_host* host, trainer_text* json);

  /* state.log_history: how many entries, and entry `index` as a read-only map that is valid until the
   * next call or the end of the event; null past the end. [trainer-thread & event] */
  uint64_t(TRAINER_CALL* log_history_size)(const trainer_host* host);
  const trainer_map*(TRAINER_CALL* log_history_at)(const trainer_host* host, uint64_t index);

  /* The host's side of an optional feature, by its id (ext/ *.h), or null when this host does not
   * offer it. The answer never changes: ask once. [trainer-thread] */
  const void*(TRAINER_CALL* get_extension)(const trainer_host* host, const char* id);

  /* Since 1.1. The whole state as TrainerState.save_to_json() writes it into trainer_state.json: indent 2,
   * keys sorted, a newline at the end; an int stays one (`"epoch": 0` before the first step). As long as
   * the run's history: not for each step. Borrowed until the next call. [trainer-thread & event] */
  void(TRAINER_CALL* state_json)(const trainer_host* host, trainer_text* json);

  /* Since 1.1. Asks for the end of the training, as control.should_training_stop does within an event: it ends
   * after the step that goes on, or after the first one of a training that has not begun; the log names the
   * plugin. On several processes all end after the same step, which may be some later (docs/distributed.md).
   * A run that trains nothing, as a replay, goes on. [any-thread] */
  void(TRAINER_CALL* request_stop)(const trainer_host* host);
};
TRAINER_LAST_FIELD(struct trainer_host, request_stop);

#endif
