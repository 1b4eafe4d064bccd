/* SPDX-License-Identifier: Apache-2.0 */
/* A plugin without a C library, compiled by clang for MSVC's ABI and linked by lld: it shows that the contract holds
 * between compilers. It reads logs, asks for arguments and configuration, sets the control, and keeps a state. */
#include <stddef.h>
#include <trainer/ext/state.h>
#include <trainer/plugin.h>

int _fltused = 0; /* MSVC's linker wants it of code with floating point */

static int same(const char* a, const char* b) {
  while (*a != 0 && *a == *b) ++a, ++b;
  return *a == *b;
}

typedef struct Instance {
  trainer_callback table;
  const trainer_host* host;
  int used;
  int64_t logs;
  double lowest;
} Instance;

static Instance instances[16]; /* of a host that makes a few at a time */

static void say(const Instance* self, const char* text) {
  uint64_t size = 0;
  while (text[size] != 0) ++size;
  self->host->log(self->host, TRAINER_LOG_INFO, text, size);
}

static trainer_value empty_value(void) {
  trainer_value value = {sizeof value, 0, 0, 0, {NULL, 0}};
  return value;
}

static int32_t refuse(const Instance* self) {
  static const char sentence[] = "msvc_c needs args.seed and its limit as numbers, and the host has others";
  self->host->set_error(self->host, sentence, sizeof sentence - 1);
  return TRAINER_ERROR;
}

static int32_t TRAINER_CALL on_train_begin(trainer_callback* table, const trainer_event* event) {
  Instance* self = table->data;
  trainer_value seed = empty_value(), limit = empty_value();
  (void)event;
  if (self->host->argument(self->host, "seed", 4, &seed) != TRAINER_OK || seed.type != TRAINER_INTEGER)
    return refuse(self);
  if (self->host->config(self->host, "limit", 5, &limit) != TRAINER_OK || limit.type != TRAINER_NUMBER)
    return refuse(self);
  say(self, seed.integer == 42 && limit.number == 0.5 ? "seed 42, limit 0.5" : "other numbers");
  return TRAINER_OK;
}

static int32_t TRAINER_CALL on_log(trainer_callback* table, const trainer_event* event) {
  Instance* self = table->data;
  trainer_value loss = empty_value();
  ++self->logs;
  if (event->values->get(event->values, "loss", 4, &loss) != TRAINER_OK) return TRAINER_OK;
  if (loss.type == TRAINER_NUMBER && loss.number < self->lowest) self->lowest = loss.number;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL on_train_end(trainer_callback* table, const trainer_event* event) {
  Instance* self = table->data;
  char text[] = "logs: 000";
  int64_t rest = self->logs;
  int i;
  (void)event;
  for (i = 8; i > 5; --i, rest /= 10) text[i] = (char)('0' + rest % 10);
  say(self, text);
  say(self, self->lowest < 1000 ? "a loss was seen" : "no loss was seen");
  return TRAINER_OK;
}

static int32_t TRAINER_CALL save_state(trainer_callback* table, trainer_map* args, trainer_map* attributes) {
  const Instance* self = table->data;
  trainer_value value = empty_value();
  (void)args;
  value.type = TRAINER_INTEGER, value.integer = self->logs, value.number = (double)self->logs;
  return attributes->set(attributes, "logs", 4, &value);
}

static int32_t TRAINER_CALL load_state(trainer_callback* table, const trainer_map* attributes) {
  Instance* self = table->data;
  trainer_value value = empty_value();
  if (attributes->get(attributes, "logs", 4, &value) == TRAINER_OK && value.type == TRAINER_INTEGER)
    self->logs = value.integer;
  return TRAINER_OK;
}

static const void* TRAINER_CALL get_extension(trainer_callback* table, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save_state, load_state, NULL};
  (void)table;
  return same(id, TRAINER_EXT_STATE) ? &state : NULL;
}

static void TRAINER_CALL destroy(trainer_callback* table) { ((Instance*)table->data)->used = 0; }

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  size_t i = 0;
  Instance* self;
  while (i < sizeof instances / sizeof instances[0] && instances[i].used) ++i;
  if (i == sizeof instances / sizeof instances[0]) {
    static const char full[] = "msvc_c has 16 instances at once; expected fewer";
    host->set_error(host, full, sizeof full - 1);
    return TRAINER_ERROR;
  }
  self = &instances[i];
  self->used = 1, self->logs = 0, self->lowest = 1000, self->host = host;
  self->table.struct_size = sizeof self->table;
  self->table.data = self;
  self->table.destroy = destroy;
  self->table.get_extension = get_extension;
  self->table.on_train_begin = on_train_begin;
  self->table.on_log = on_log;
  self->table.on_train_end = on_train_end;
  *out = &self->table;
  return TRAINER_OK;
}

/* clang-format off */
TRAINER_PLUGIN_DEFINE(create, NULL, {
  "id": "msvc_c",
  "version": "1.0.0",
  "description": "A plugin for MSVC's ABI: umlauts äöü in its note.",
  "class": "MsvcC",
  "events": ["on_train_begin", "on_train_end", "on_log"],
  "config": {"limit": {"type": "number", "default": 0.5, "description": "a number"}}
})
/* clang-format on */
