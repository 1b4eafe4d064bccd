/* SPDX-License-Identifier: Apache-2.0
 *
 * value.h - one JSON-like value, and the ordered map in which logs, metrics and arguments travel.
 *
 * As in Python, the map of an event is shared: what one callback changes, the next one sees, and in
 * the end the caller of train() or evaluate(). `log_history` keeps the copy made before the event.
 */
#ifndef TRAINER_VALUE_H
#define TRAINER_VALUE_H

#include "abi.h"

#define TRAINER_NULL 0u
#define TRAINER_BOOLEAN 1u /* integer is 0 or 1 */
#define TRAINER_INTEGER 2u
#define TRAINER_NUMBER 3u /* IEEE double; may be NaN or infinite */
#define TRAINER_STRING 4u
#define TRAINER_JSON 5u /* a list or an object; text is its JSON */

typedef struct trainer_value {
  uint32_t struct_size; /* set by the plugin, also before the host fills the rest */
  uint32_t type;        /* one of the six above */
  int64_t integer;      /* TRAINER_BOOLEAN, TRAINER_INTEGER; else 0 */
  double number;        /* TRAINER_NUMBER; for the two above, the same value as a double */
  trainer_text text;    /* TRAINER_STRING, TRAINER_JSON; else empty. Borrowed: see who gives it */
} trainer_value;
TRAINER_LAST_FIELD(trainer_value, text);

typedef struct trainer_map trainer_map;

/* Ordered, keys unique. Owned by the host; valid during the call it came with, unless said otherwise. */
struct trainer_map {
  uint32_t struct_size;
  uint32_t reserved;
  void* data; /* the host's */

  /* Number of entries. [trainer-thread] */
  uint64_t(TRAINER_CALL* size)(const trainer_map* map);

  /* Entry `index` in order. Key and value are borrowed until the next call on this map.
   * TRAINER_NOT_FOUND past the end; TRAINER_ERROR for a value whose struct_size is too small. Key or
   * value may be null. [trainer-thread] */
  int32_t(TRAINER_CALL* at)(const trainer_map* map, uint64_t index, trainer_text* key, trainer_value* value);

  /* The value of `key`, borrowed as in `at`, and with its errors; TRAINER_NOT_FOUND when absent.
   * [trainer-thread] */
  int32_t(TRAINER_CALL* get)(const trainer_map* map, const char* key, uint64_t key_size, trainer_value* value);

  /* Replaces the value of `key` in its place, or appends it. Copies. TRAINER_ERROR for text that is
   * not UTF-8, for a key of more than 64 KiB or a text of more than 64 MiB, for a type that does not
   * exist, for a value whose struct_size is too small, or when the map is read-only. [trainer-thread] */
  int32_t(TRAINER_CALL* set)(trainer_map* map, const char* key, uint64_t key_size, const trainer_value* value);

  /* Removes `key`; the order of the others stays. TRAINER_NOT_FOUND when absent; TRAINER_ERROR when
   * the map is read-only. [trainer-thread] */
  int32_t(TRAINER_CALL* remove)(trainer_map* map, const char* key, uint64_t key_size);

  /* Many entries in one call, which is what `at` costs most where the host is no C program: up to
   * `capacity` of them in order, from `first` on, into two arrays. The elements of `values` are
   * values->struct_size bytes apart; none when that is too small. Gives how many; fewer than `capacity`
   * at the end. All texts are borrowed until the next call on this map. May be null. [trainer-thread] */
  uint64_t(TRAINER_CALL* read)(const trainer_map* map, uint64_t first, uint64_t capacity, trainer_text* keys,
                               trainer_value* values);
};
TRAINER_LAST_FIELD(struct trainer_map, read);

#endif
