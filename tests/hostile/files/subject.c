/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin whose note, table and entry can each be spoilt from the compiler's command line; see files.py. */
#include <stdlib.h>
#include <trainer/plugin.h>

#ifndef NOTE
#define NOTE "{\"id\": \"subject\", \"version\": \"1\", \"events\": [\"on_log\"]}"
#endif
#ifndef NOTE_RESERVED
#define NOTE_RESERVED 0
#endif
#ifndef NOTE_SIZE
#define NOTE_SIZE sizeof(NOTE) - 1
#endif
#ifndef NEEDS_MAJOR
#define NEEDS_MAJOR TRAINER_ABI_MAJOR
#endif
#ifndef NEEDS_MINOR
#define NEEDS_MINOR TRAINER_PLUGIN_MINOR
#endif
#ifndef TABLE_MAGIC
#define TABLE_MAGIC TRAINER_PLUGIN_MAGIC
#endif
#ifndef TABLE_SIZE
#define TABLE_SIZE sizeof(trainer_plugin)
#endif
#ifndef TABLE_MAJOR
#define TABLE_MAJOR NEEDS_MAJOR
#endif
#ifndef TABLE_NOTE
#define TABLE_NOTE &trainer_note_data.head
#endif
#ifndef TABLE_CREATE
#define TABLE_CREATE create
#endif
#ifndef RETURNED
#define RETURNED &plugin
#endif

#ifndef WITHOUT_NOTE
TRAINER_IN_NOTE_SECTION static const struct {
  trainer_note head;
  char json[sizeof(NOTE)];
} trainer_note_data = {{TRAINER_NOTE_MAGIC, NEEDS_MAJOR, NEEDS_MINOR, NOTE_SIZE, NOTE_RESERVED}, NOTE};
#endif
static const trainer_note other_note = {TRAINER_NOTE_MAGIC, NEEDS_MAJOR, NEEDS_MINOR, 2, 0};

#ifdef SECOND_NOTE
TRAINER_IN_NOTE_SECTION static const struct {
  trainer_note head;
  char json[4];
} second_note_data = {{TRAINER_NOTE_MAGIC, NEEDS_MAJOR, NEEDS_MINOR, 2, 0}, "{}"};
#endif

#ifdef THREAD_STORAGE
__attribute__((tls_model("initial-exec"))) static __thread volatile char storage[THREAD_STORAGE];
char use_storage(void) { return storage[1]; }
#endif
#ifdef CALLS
int nobody_has_this(void);
int use_symbol(void) { return nobody_has_this(); }
#endif
#ifdef USES_LIBRARY
int from_library(void);
int use_library(void) { return from_library(); }
#endif

static int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  (void)self, (void)event;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback;
  (void)host, (void)other_note;
  callback.struct_size = sizeof callback;
  callback.on_log = on_log;
#ifdef INSTANCE_SIZE
  callback.struct_size = INSTANCE_SIZE;
#endif
#ifdef MORE_SLOTS
  callback.on_save = on_log;
#endif
#ifdef NO_SLOTS
  callback.on_log = NULL;
#endif
#ifdef CREATE_SAYS
  host->set_error(host, CREATE_SAYS, sizeof(CREATE_SAYS) - 1);
  return TRAINER_ERROR;
#endif
#ifdef CREATE_STATUS
  return CREATE_STATUS;
#endif
#ifndef NO_INSTANCE
  *out = &callback;
#endif
  return TRAINER_OK;
}

#if defined(ENTRY_IS_DATA)
TRAINER_EXPORT int trainer_plugin_entry = 7;
#elif !defined(WITHOUT_ENTRY)
TRAINER_EXPORT const trainer_plugin* TRAINER_CALL trainer_plugin_entry(void) {
  static const trainer_plugin plugin = {TABLE_MAGIC, TABLE_SIZE,   TABLE_MAJOR, NEEDS_MINOR,
                                        TABLE_NOTE,  TABLE_CREATE, NULL};
  (void)plugin;
  return RETURNED;
}
#endif
