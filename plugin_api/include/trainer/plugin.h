/* SPDX-License-Identifier: Apache-2.0
 *
 * plugin.h - the one header that a plugin includes.
 *
 * A plugin is a shared library with one exported function, trainer_plugin_entry, and one note: a
 * line of JSON in a section of its own, which the host reads before any of the plugin's code runs.
 * TRAINER_PLUGIN_DEFINE writes both. A whole plugin:
 *
 *   #include <stdio.h>
 *   #include <stdlib.h>
 *   #include <trainer/plugin.h>
 *
 *   static int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event* event) {
 *     (void)self, (void)event;
 *     puts("Starting training");
 *     return TRAINER_OK;
 *   }
 *
 *   static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
 *     static trainer_callback callback;
 *     (void)host;
 *     callback.struct_size = sizeof callback;
 *     callback.on_train_begin = on_train_begin;
 *     *out = &callback;
 *     return TRAINER_OK;
 *   }
 *
 *   TRAINER_PLUGIN_DEFINE(create, NULL, {
 *     "id": "hello", "version": "1.0.0", "events": ["on_train_begin"]
 *   })
 *
 * Keys of the note:
 *   id           [a-z0-9._-]{1,64}, unique; what a run file names. Required.
 *   version      the plugin's own version, text. Required.
 *   events       the slots that are not null. Required in the file; sdk.hpp writes it when it is left out.
 *   description  one sentence for `trainer plugins list`.
 *   report_to    the name by which `report_to` enables it, when it is a tracker.
 *   store        where a tracker's data ends up ("mlflow"), when several trackers share one: of those,
 *                report_to "all" takes the first that is available.
 *   always       true for a tracker that joins every report_to, "none" too, when it is available.
 *   class        the name under which its state is kept in `stateful_callbacks` (ext/state.h), such as
 *                the name of the Python class that it stands for; the id by default.
 *   config       {key: {"type": "integer" | "number" | "string" | "boolean" | "array" | "object",
 *                "default": ..., "minimum": ..., "maximum": ..., "enum": [...], "description": "..."}};
 *                a type may be a list of names, "null" among them. A key without "default" is required.
 *
 * Threads: the host calls a plugin on one thread only, the trainer's, but for what says any-thread
 * (ext/console.h). The last words of each comment say from which thread, and when, a function may be
 * called: "event" is inside a slot, "!event" outside of one, "active" between `create` and `destroy`.
 * With TRAINER_CHECK_PLUGINS=1 in the environment, `trainer` checks it at every call.
 *
 * A plugin is never unloaded. Its instances are destroyed in the reverse order of their creation.
 */
#ifndef TRAINER_PLUGIN_H
#define TRAINER_PLUGIN_H

#include "callback.h"
#include "host.h"

#define TRAINER_PLUGIN_MAGIC 0x4E525254u /* "TRRN" in memory on a little-endian machine */
#define TRAINER_NOTE_MAGIC "LibTrainer note"
#define TRAINER_ENTRY_NAME "trainer_plugin_entry"

#if defined(_WIN32)
#define TRAINER_NOTE_SECTION ".trainer"
#elif defined(__APPLE__)
#define TRAINER_NOTE_SECTION "__DATA,__trainer"
#else
#define TRAINER_NOTE_SECTION ".trainer_note"
#endif

/* What stands in the note's section: this head, which never grows, then `json_size` bytes of JSON. */
typedef struct trainer_note {
  char magic[16]; /* TRAINER_NOTE_MAGIC with its final zero */
  uint32_t abi_major;
  uint32_t abi_minor; /* TRAINER_PLUGIN_MINOR, the lowest that the plugin needs */
  uint32_t json_size; /* bytes, without a final zero */
  uint32_t reserved;
} trainer_note;
TRAINER_LAST_FIELD(trainer_note, reserved);

/* The table behind the entry. The first four fields are frozen for ever, so that any host can always
 * refuse any plugin politely. */
typedef struct trainer_plugin {
  uint32_t magic; /* TRAINER_PLUGIN_MAGIC */
  uint32_t struct_size;
  uint32_t abi_major;
  uint32_t abi_minor; /* as in the note */

  const trainer_note* note; /* the note as loaded; must equal the one in the file */

  /* Makes an instance; a plugin may be created more than once. On failure TRAINER_ERROR, or
   * TRAINER_UNAVAILABLE or TRAINER_NOT_CONFIGURED as ext/tracker.h has them, after host->set_error, and
   * *out stays as it was. [trainer-thread & !event] */
  int32_t(TRAINER_CALL* create)(const trainer_host* host, trainer_callback** out);

  /* The plugin's side of an optional feature that needs no instance (ext/tracker.h), or null.
   * May itself be null. [trainer-thread & !event] */
  const void*(TRAINER_CALL* get_extension)(const char* id);
} trainer_plugin;
TRAINER_LAST_FIELD(trainer_plugin, get_extension);

typedef const trainer_plugin*(TRAINER_CALL* trainer_plugin_entry_function)(void);

/* The name of the entry. A source that is compiled into a program instead, beside others perhaps, gets one of
 * its own, -DTRAINER_PLUGIN_ENTRY=hello_plugin, by which the program asks for its table:
 * TRAINER_EXTERN_C const trainer_plugin* TRAINER_CALL hello_plugin(void); */
#ifndef TRAINER_PLUGIN_ENTRY
#define TRAINER_PLUGIN_ENTRY trainer_plugin_entry
#endif

/* TRAINER_PLUGIN_DEFINE(create, get_extension or NULL, {note as JSON}) - once in a plugin, in C or C++,
 * at file scope. The JSON is written as it is, without quotes around it. */
#define TRAINER_PLUGIN_DEFINE(create_function, get_extension_function, ...) \
  TRAINER_EMBED_NOTE(#__VA_ARGS__)                                          \
  TRAINER_DEFINE_ENTRY(trainer_note_data.head, TRAINER_PLUGIN_MINOR, create_function, get_extension_function)

#define TRAINER_DEFINE_ENTRY(note_head, minor, create_function, get_extension_function)                               \
  TRAINER_EXTERN_C TRAINER_EXPORT const trainer_plugin* TRAINER_CALL TRAINER_PLUGIN_ENTRY(void);                      \
  TRAINER_EXTERN_C TRAINER_EXPORT const trainer_plugin* TRAINER_CALL TRAINER_PLUGIN_ENTRY(void) {                     \
    static const trainer_plugin plugin = {TRAINER_PLUGIN_MAGIC, sizeof(trainer_plugin), TRAINER_ABI_MAJOR,     minor, \
                                          &(note_head),         create_function,        get_extension_function};      \
    return &plugin;                                                                                                   \
  }

#if defined(_MSC_VER)
#define TRAINER_IN_NOTE_SECTION __pragma(section(".trainer", read)) __declspec(allocate(".trainer"))
#else
#define TRAINER_IN_NOTE_SECTION __attribute__((section(TRAINER_NOTE_SECTION), used, aligned(8)))
#endif

#define TRAINER_EMBED_NOTE(text)                \
  TRAINER_IN_NOTE_SECTION static const struct { \
    trainer_note head;                          \
    char json[sizeof(text)];                    \
  } trainer_note_data = {{TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_PLUGIN_MINOR, sizeof(text) - 1, 0}, text};

#endif
