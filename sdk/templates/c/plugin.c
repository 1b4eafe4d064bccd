/* Writes the lowest value of a metric into the log when training ends. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trainer/plugin.h>

typedef struct instance {
  trainer_callback callback; /* first, so that the callback's address is the instance's */
  const trainer_host* host;
  trainer_text metric; /* the configuration's text; the host keeps it until destroy */
  double lowest;
  int64_t step;
} instance;

static int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event* event) {
  instance* it = (instance*)self;
  (void)event;
  it->lowest = INFINITY;
  it->step = -1;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  instance* it = (instance*)self;
  const trainer_map* logs = event->values;
  trainer_value value = {0};
  value.struct_size = sizeof value;
  if (logs->get(logs, it->metric.data, it->metric.size, &value) != TRAINER_OK) return TRAINER_OK;
  if (value.type != TRAINER_INTEGER && value.type != TRAINER_NUMBER) return TRAINER_OK;
  if (value.number < it->lowest) {
    it->lowest = value.number;
    it->step = event->state->global_step;
  }
  return TRAINER_OK;
}

static int32_t TRAINER_CALL on_train_end(trainer_callback* self, const trainer_event* event) {
  instance* it = (instance*)self;
  char line[256];
  (void)event;
  if (it->step < 0) return TRAINER_OK;
  /* At most 100 bytes of the name, so that the line always fits. */
  snprintf(line, sizeof line, "lowest %.*s: %g in step %lld",
           (int)(it->metric.size < 100 ? it->metric.size : 100), it->metric.data, it->lowest,
           (long long)it->step);
  it->host->log(it->host, TRAINER_LOG_INFO, line, strlen(line));
  return TRAINER_OK;
}

static void TRAINER_CALL destroy(trainer_callback* self) { free(self); }

static int32_t fail(const trainer_host* host, const char* sentence) {
  host->set_error(host, sentence, strlen(sentence));
  return TRAINER_ERROR;
}

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  instance* it = calloc(1, sizeof *it);
  trainer_value metric = {0};
  if (it == NULL) return fail(host, "@NAME@: out of memory");
  metric.struct_size = sizeof metric;
  if (host->config(host, "metric", strlen("metric"), &metric) != TRAINER_OK) {
    free(it);
    return fail(host, "@NAME@: the configuration has no \"metric\"; name the metric to watch");
  }
  it->callback.struct_size = sizeof it->callback;
  it->callback.destroy = destroy;
  it->callback.on_train_begin = on_train_begin;
  it->callback.on_log = on_log;
  it->callback.on_train_end = on_train_end;
  it->host = host;
  it->metric = metric.text;
  it->lowest = INFINITY;
  it->step = -1;
  *out = &it->callback;
  return TRAINER_OK;
}

TRAINER_PLUGIN_DEFINE(create, NULL, {
  "id": "@NAME@",
  "version": "0.1.0",
  "description": "Writes the lowest value of a metric into the log when training ends.",
  "events": ["on_train_begin", "on_log", "on_train_end"],
  "config": {
    "metric": {"type": "string", "default": "loss", "description": "the metric's name in the logs"}
  }
})
