/* SPDX-License-Identifier: Apache-2.0 */
/* A whole plugin in C: prints a line when training starts. */
#include <stdio.h>
#include <trainer/plugin.h>

static int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event* event) {
  (void)self;
  (void)event;
  puts("Starting training");
  fflush(stdout);
  return TRAINER_OK;
}

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback; /* keeps no state, so all instances may share it */
  (void)host;
  callback.struct_size = sizeof callback;
  callback.on_train_begin = on_train_begin;
  *out = &callback;
  return TRAINER_OK;
}

/* clang-format off */
TRAINER_PLUGIN_DEFINE(create, NULL, {
  "id": "hello_c",
  "version": "1.0.0",
  "description": "Prints a line when training starts, from C.",
  "events": ["on_train_begin"]
})
/* clang-format on */
