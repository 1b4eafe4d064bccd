/* SPDX-License-Identifier: Apache-2.0 */
/* Uses everything that the C contract has, and writes down what it gets. Kept as built with version 1.1; see
 * ../frozen.py. Numbers are written only where config.numbers is true: a training's depend on LibTorch. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/model.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/process.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/run.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

typedef struct Witness {
  trainer_callback table;
  const trainer_host* host;
  FILE* out;
  int numbers;
  int64_t events, lines;
  char file[4096];
} Witness;

/* Past the last separator. */
static int name_of(trainer_text path, const char** name) {
  uint64_t begin = path.size;
  while (begin > 0 && path.data[begin - 1] != '/' && path.data[begin - 1] != '\\') --begin;
  *name = path.data + begin;
  return (int)(path.size - begin);
}

static void print_value(Witness* w, const trainer_value* v, int numbers) {
  switch (v->type) {
    case TRAINER_NULL: fputs("null", w->out); break;
    case TRAINER_BOOLEAN: fputs(v->integer ? "true" : "false", w->out); break;
    case TRAINER_INTEGER: fprintf(w->out, "%lld", (long long)v->integer); break;
    case TRAINER_NUMBER: fprintf(w->out, numbers ? "%.17g" : "number", v->number); break;
    default: fprintf(w->out, "%s(%.*s)", v->type == TRAINER_STRING ? "string" : "json", (int)v->text.size, v->text.data);
  }
}

static void print_map(Witness* w, const trainer_map* map) {
  trainer_value value = {sizeof value, 0, 0, 0, {NULL, 0}}, some[2] = {{sizeof value, 0, 0, 0, {NULL, 0}}};
  trainer_text key, keys[2];
  uint64_t i, n = map->size(map), first = 0;
  some[1] = some[0];
  fputs(" {", w->out);
  for (i = 0; i < n; ++i) {
    if (map->at(map, i, &key, &value) != TRAINER_OK) fputs("?", w->out);
    fprintf(w->out, "%s%.*s: ", i ? ", " : "", (int)key.size, key.data);
    print_value(w, &value, w->numbers);
  }
  fputs("}", w->out);
  if (map->at(map, n, &key, &value) != TRAINER_NOT_FOUND) fputs(" an entry past the end", w->out);
  if (map->read == NULL) return;
  while ((i = map->read(map, first, 2, keys, some)) > 0) first += i;
  if (first != n) fprintf(w->out, " read gave %llu of %llu", (unsigned long long)first, (unsigned long long)n);
}

/* `ask` is the host's `argument` or its `config`. */
static void print_answer(Witness* w, const char* what, const char* name,
                         int32_t(TRAINER_CALL* ask)(const trainer_host*, const char*, uint64_t, trainer_value*)) {
  trainer_value value = {sizeof value, 0, 0, 0, {NULL, 0}};
  const int32_t status = ask(w->host, name, strlen(name), &value);
  fprintf(w->out, "%s %s: ", what, name);
  if (status == TRAINER_OK) print_value(w, &value, 1);
  fprintf(w->out, status == TRAINER_OK ? "\n" : "status %d\n", status);
}

static void print_argument(Witness* w, const char* name) { print_answer(w, "argument", name, w->host->argument); }
static void print_config(Witness* w, const char* name) { print_answer(w, "config", name, w->host->config); }

static void print_tensors(Witness* w) {
  static const char* const kinds[] = {"model", "gradients", "optimizer"};
  const trainer_ext_parameters* p = (const trainer_ext_parameters*)w->host->get_extension(w->host, TRAINER_EXT_PARAMETERS);
  uint32_t of;
  if (p == NULL) return;
  for (of = 0; of < 3; ++of) {
    uint64_t i, n = p->count(w->host, of);
    fprintf(w->out, "  %s:", kinds[of]);
    for (i = 0; i < n; ++i) {
      trainer_tensor t = {sizeof t, 0, NULL, 0, NULL, NULL, 0, 0, 0, 0, 0, 0, NULL};
      trainer_text name;
      uint64_t bytes = 0;
      void* copy;
      int32_t d;
      if (p->at(w->host, of, i, &name, &t) != TRAINER_OK) fputs(" ?", w->out);
      fprintf(w->out, " %.*s[", (int)name.size, name.data);
      bytes = t.dtype_bits / 8;
      for (d = 0; d < t.ndim; ++d) fprintf(w->out, d ? ",%lld" : "%lld", (long long)t.shape[d]), bytes *= (uint64_t)t.shape[d];
      fprintf(w->out, "]%u:%u", t.dtype_code, t.dtype_bits);
      copy = malloc(bytes + 1);
      if (p->copy(w->host, of, i, copy, bytes) != TRAINER_OK) fputs("!", w->out);
      if (p->copy(w->host, of, i, copy, bytes + 1) != TRAINER_ERROR) fputs("!!", w->out);
      if (t.device_type == 1 && memcmp(copy, (char*)t.data + t.byte_offset, bytes) != 0) fputs("!!!", w->out);
      free(copy);
    }
    fputs("\n", w->out);
  }
}

/* Of the rates only what depends on no schedule. */
static void print_groups(Witness* w) {
  const trainer_ext_optimizer* o = (const trainer_ext_optimizer*)w->host->get_extension(w->host, TRAINER_EXT_OPTIMIZER);
  trainer_param_group group = {sizeof group, 0, 0, 0, 0, 0}, small = {8, 0, 0, 0, 0, 0};
  trainer_text name = {NULL, 0};
  uint64_t g, i, n;
  if (o == NULL) {
    fputs("  groups: none\n", w->out);
    return;
  }
  n = o->count(w->host);
  fprintf(w->out, "  groups: %llu", (unsigned long long)n);
  for (g = 0; g < n; ++g) {
    const int32_t at = o->at(w->host, g, &group), set = o->set_lr(w->host, g, group.initial_lr / 4);
    fprintf(w->out, ", %d %d%s weight decay %g", at, set, group.lr > 0 && group.lr <= group.initial_lr ? "" : " a wrong rate",
            group.weight_decay);
    for (i = 0; i < group.parameter_count; ++i)
      if (o->parameter(w->host, g, i, &name) == TRAINER_OK) fprintf(w->out, " %.*s", (int)name.size, name.data);
    if (o->at(w->host, g, &group) != TRAINER_OK || group.lr != group.initial_lr / 4) fputs(" not set", w->out);
    if (o->parameter(w->host, g, i, &name) != TRAINER_NOT_FOUND) fputs(" a name past the end", w->out);
  }
  fprintf(w->out, "; past the end %d %d", o->at(w->host, n, &group), o->set_lr(w->host, n, 1));
  if (n > 0) fprintf(w->out, "; refused %d %d", o->at(w->host, 0, &small), o->set_lr(w->host, 0, -1));
  fputs("\n", w->out);
}

static void print_checkpoints(Witness* w) {
  const trainer_ext_checkpoint* c = (const trainer_ext_checkpoint*)w->host->get_extension(w->host, TRAINER_EXT_CHECKPOINT);
  trainer_text saved = {NULL, 0}, from = {NULL, 0};
  const char* name;
  int size;
  if (c == NULL) {
    fputs("  checkpoints: none\n", w->out);
    return;
  }
  fprintf(w->out, "  saved %d", c->saved(w->host, &saved));
  size = name_of(saved, &name);
  fprintf(w->out, " %.*s, resumed from %d", size, name, c->resumed_from(w->host, &from));
  size = name_of(from, &name);
  fprintf(w->out, " %.*s\n", size, name);
}

/* Its lines that depend on nothing but the run; an int is written as one. */
static void print_state_json(Witness* w) {
  static const char* const fields[] = {"best_metric", "epoch", "logging_steps", "max_steps", "num_train_epochs"};
  trainer_text json = {NULL, 0};
  char* copy;
  size_t i;
  w->host->state_json(w->host, &json);
  copy = calloc((size_t)json.size + 1, 1);
  memcpy(copy, json.data, (size_t)json.size);
  fputs("  state_json:", w->out);
  for (i = 0; i < sizeof fields / sizeof *fields; ++i) {
    char key[40];
    const char* line;
    snprintf(key, sizeof key, "\n  \"%s\": ", fields[i]);
    line = strstr(copy, key);
    if (line != NULL) fprintf(w->out, " %.*s", (int)strcspn(line + 3, "\n"), line + 3);
  }
  fprintf(w->out, " its end %s\n", json.size > 2 && memcmp(copy + json.size - 3, "\n}\n", 3) == 0 ? "is there" : "is missing");
  free(copy);
}

static int32_t TRAINER_CALL on_event(trainer_callback* self, const trainer_event* event) {
  static const char* const names[TRAINER_EVENT_COUNT] = {
      "init_end", "train_begin", "train_end", "epoch_begin", "epoch_end", "step_begin", "pre_optimizer_step",
      "optimizer_step", "substep_end", "step_end", "evaluate", "predict", "save", "log", "prediction_step", "push_begin"};
  Witness* w = (Witness*)self->data;
  const trainer_state* s = event->state;
  trainer_control* c = event->control;
  ++w->events;
  fprintf(w->out, "on_%s step %lld of %lld, epoch %.4g of %lld, has %u, train batches %lld, eval batches %lld, control %u%u%u%u%u, present %u", names[event->kind],
          (long long)s->global_step, (long long)s->max_steps, s->epoch, (long long)s->num_train_epochs, event->has,
          (long long)event->train_dataloader_size, (long long)event->eval_dataloader_size, c->should_training_stop, c->should_epoch_stop, c->should_save,
          c->should_evaluate, c->should_log, s->present);
  if (event->values != NULL) {
    const trainer_value one = {sizeof one, TRAINER_INTEGER, 1, 1, {NULL, 0}};
    const trainer_value text = {sizeof text, TRAINER_STRING, 0, 0, {"\xff", 1}};
    trainer_value back = {sizeof back, 0, 0, 0, {NULL, 0}};
    print_map(w, event->values);
    if (event->values->set(event->values, "witness", 7, &one) != TRAINER_OK) fputs(" set failed", w->out);
    if (event->values->set(event->values, "witness", 7, &text) != TRAINER_ERROR) fputs(" took bytes that are not UTF-8", w->out);
    if (event->values->get(event->values, "witness", 7, &back) != TRAINER_OK || back.integer != 1) fputs(" get failed", w->out);
    if (event->values->remove(event->values, "witness", 7) != TRAINER_OK) fputs(" remove failed", w->out);
  }
  fputs("\n", w->out);
  if (event->kind == TRAINER_ON_OPTIMIZER_STEP && s->global_step == 1) print_tensors(w);
  if (event->kind == TRAINER_ON_STEP_END && s->global_step == 2) c->should_log = 1;
  if (event->kind == TRAINER_ON_STEP_BEGIN && s->global_step == 2) print_groups(w);
  if (event->kind == TRAINER_ON_STEP_BEGIN && s->global_step == 5) w->host->request_stop(w->host);
  if (event->kind == TRAINER_ON_TRAIN_BEGIN || event->kind == TRAINER_ON_SAVE) print_checkpoints(w);
  if (event->kind == TRAINER_ON_TRAIN_BEGIN || event->kind == TRAINER_ON_EPOCH_END) print_state_json(w);
  if (event->kind == TRAINER_ON_SAVE) {
    const trainer_ext_model* m = (const trainer_ext_model*)w->host->get_extension(w->host, TRAINER_EXT_MODEL);
    trainer_value file = {sizeof file, 0, 0, 0, {NULL, 0}};
    trainer_text error = {NULL, 0};
    if (m != NULL && w->host->config(w->host, "file", 4, &file) == TRAINER_OK) {
      char to[4096];
      const int size = snprintf(to, sizeof to, "%.*s.model", (int)file.text.size, file.text.data);
      fprintf(w->out, "  model saved: %d\n", m->save(w->host, to, (uint64_t)size, &error));
    }
  }
  if (event->kind == TRAINER_ON_TRAIN_END) {
    const uint64_t n = w->host->log_history_size(w->host);
    fprintf(w->out, "  log_history: %llu, past its end: %s, the first:", (unsigned long long)n,
            w->host->log_history_at(w->host, n) == NULL ? "null" : "a map");
    if (n > 0) print_map(w, w->host->log_history_at(w->host, 0));
    fprintf(w->out, "\n  lines of the console: %s\n", w->lines > 0 ? "some" : "none");
    w->host->log(w->host, TRAINER_LOG_INFO, "the witness has seen the end", 28);
  }
  if (event->kind == TRAINER_ON_EPOCH_END && s->global_step >= 2 && w->numbers == 0 && s->epoch >= 2) {
    w->host->set_error(w->host, "the second epoch is not to its liking", 37);
    return TRAINER_ERROR;
  }
  return TRAINER_OK;
}

static int32_t TRAINER_CALL save_state(trainer_callback* self, trainer_map* args, trainer_map* attributes) {
  const trainer_value events = {sizeof events, TRAINER_INTEGER, ((Witness*)self->data)->events, 0, {NULL, 0}};
  const trainer_value list = {sizeof list, TRAINER_JSON, 0, 0, {"[1, {\"a\": null}]", 16}};
  trainer_value file = {sizeof file, 0, 0, 0, {NULL, 0}}, numbers = {sizeof numbers, 0, 0, 0, {NULL, 0}};
  const trainer_host* host = ((Witness*)self->data)->host;
  if (host->config(host, "file", 4, &file) != TRAINER_OK || args->set(args, "file", 4, &file) != TRAINER_OK) return TRAINER_ERROR;
  if (host->config(host, "numbers", 7, &numbers) != TRAINER_OK || args->set(args, "numbers", 7, &numbers) != TRAINER_OK)
    return TRAINER_ERROR;
  if (attributes->set(attributes, "events", 6, &events) != TRAINER_OK) return TRAINER_ERROR;
  return attributes->set(attributes, "list", 4, &list);
}

static int32_t TRAINER_CALL load_state(trainer_callback* self, const trainer_map* attributes) {
  Witness* w = (Witness*)self->data;
  fputs("state loaded:", w->out);
  print_map(w, attributes);
  fputs("\n", w->out);
  return TRAINER_OK;
}

static void TRAINER_CALL state_class(trainer_callback* self, trainer_text* name) {
  (void)self;
  name->data = "FrozenWitness", name->size = 13;
}

static void TRAINER_CALL console_line(trainer_callback* self, uint32_t stream, const char* text, uint64_t size) {
  (void)stream, (void)text;
  if (size > 0) ++((Witness*)self->data)->lines;
}

static int32_t TRAINER_CALL result_at(trainer_callback* self, uint64_t index, trainer_result* result) {
  static const char label[] = "what it saw", view[] = "cat {place}";
  Witness* w = (Witness*)self->data;
  if (index > 0) return TRAINER_NOT_FOUND;
  fputs("asked for results\n", w->out);
  fflush(w->out);
  result->label.data = label, result->label.size = sizeof label - 1;
  result->place.data = w->file, result->place.size = strlen(w->file);
  result->view.data = view, result->view.size = sizeof view - 1;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL ended(trainer_callback* self, const trainer_outcome* o) {
  Witness* w = (Witness*)self->data;
  fprintf(w->out, "ended %u at step %lld of %lld, epoch %.4g, signal %d, by %.*s, error %.*s\n", o->kind,
          (long long)o->global_step, (long long)o->max_steps, o->epoch, o->signal, (int)o->by.size, o->by.data,
          (int)o->error_id.size, o->error_id.data);
  return TRAINER_OK;
}

static FILE* checkpoint_file(const char* directory, uint64_t size, const char* mode) {
  char path[4096];
  snprintf(path, sizeof path, "%.*s/events", (int)size, directory);
  return fopen(path, mode);
}

static int32_t TRAINER_CALL save_files(trainer_callback* self, const char* directory, uint64_t size) {
  Witness* w = (Witness*)self->data;
  FILE* file = checkpoint_file(directory, size, "w");
  if (file == NULL) return TRAINER_ERROR;
  fprintf(file, "%lld", (long long)w->events);
  fputs("files saved\n", w->out);
  return fclose(file) == 0 ? TRAINER_OK : TRAINER_ERROR;
}

static int32_t TRAINER_CALL load_files(trainer_callback* self, const char* directory, uint64_t size) {
  Witness* w = (Witness*)self->data;
  FILE* file = checkpoint_file(directory, size, "r");
  long long events = -1;
  if (file == NULL || fscanf(file, "%lld", &events) != 1) fputs("no events in the files\n", w->out);
  if (file != NULL) fclose(file);
  fprintf(w->out, "files loaded: %lld events\n", events);
  return TRAINER_OK;
}

static const void* TRAINER_CALL instance_extension(trainer_callback* self, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save_state, load_state, state_class};
  static const trainer_ext_console console = {sizeof console, 0, console_line};
  static const trainer_ext_results results = {sizeof results, 0, result_at};
  static const trainer_ext_outcome outcome = {sizeof outcome, 0, ended};
  static const trainer_ext_checkpoint_files files = {sizeof files, 0, save_files, load_files};
  (void)self;
  if (strcmp(id, TRAINER_EXT_RESULTS) == 0) return &results;
  if (strcmp(id, TRAINER_EXT_OUTCOME) == 0) return &outcome;
  if (strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return &files;
  if (strcmp(id, TRAINER_EXT_STATE) == 0) return &state;
  return strcmp(id, TRAINER_EXT_CONSOLE) == 0 ? &console : NULL;
}

static void TRAINER_CALL destroy(trainer_callback* self) {
  Witness* w = (Witness*)self->data;
  fputs("destroyed\n", w->out);
  fclose(w->out);
  free(w);
}

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  trainer_value value = {sizeof value, 0, 0, 0, {NULL, 0}}, small = {8, 0, 0, 0, {NULL, 0}};
  const trainer_ext_run* run = (const trainer_ext_run*)host->get_extension(host, TRAINER_EXT_RUN);
  trainer_text text;
  const trainer_ext_process* process = (const trainer_ext_process*)host->get_extension(host, TRAINER_EXT_PROCESS);
  trainer_process p = {sizeof p, 0, 9, 9, 9, 9, 9, 9};
  Witness* w;
  trainer_slot* slot;
  if (host->config(host, "file", 4, &value) != TRAINER_OK || value.type != TRAINER_STRING) return TRAINER_ERROR;
  w = (Witness*)calloc(1, sizeof *w);
  w->host = host;
  snprintf(w->file, sizeof w->file, "%.*s", (int)value.text.size, value.text.data);
  w->out = fopen(w->file, "a");
  if (w->out == NULL) {
    host->set_error(host, "config.file cannot be written", 29);
    free(w);
    return TRAINER_ERROR;
  }
  w->numbers = host->config(host, "numbers", 7, &value) == TRAINER_OK && value.integer;
  fprintf(w->out, "created, run kind %d, an extension that does not exist: %s\n", run ? (int)run->kind(host) : -1,
          host->get_extension(host, "trainer.nothing/1") ? "offered" : "null");
  if (process != NULL && process->describe(host, &p) == TRAINER_OK)
    fprintf(w->out, "rank %u of %u, local rank %u of %u, node %u, restart %u\n", p.rank, p.world_size, p.local_rank,
            p.local_world_size, p.node_rank, p.restart_count);
  print_config(w, "number"), print_config(w, "list"), print_config(w, "nothing"), print_config(w, "missing");
  print_argument(w, "learning_rate"), print_argument(w, "lr_scheduler_type"), print_argument(w, "report_to");
  print_argument(w, "no_such_argument");
  host->config_json(host, &text);
  fprintf(w->out, "config_json %c..%c", text.data[0], text.data[text.size - 1]);
  host->arguments_json(host, &text);
  fprintf(w->out, ", arguments_json %c..%c", text.data[0], text.data[text.size - 1]);
  host->model_config_json(host, &text);
  fprintf(w->out, ", model_config_json %s\n", text.size ? "given" : "empty");
  if (host->config(host, "number", 6, &small) == TRAINER_OK) fputs("filled a value that is too small\n", w->out);
  w->table.struct_size = sizeof w->table;
  w->table.data = w;
  w->table.destroy = destroy;
  w->table.get_extension = instance_extension;
  for (slot = &w->table.on_init_end; slot <= &w->table.on_push_begin; ++slot) *slot = on_event;
  *out = &w->table;
  return TRAINER_OK;
}

static int32_t TRAINER_CALL available(const trainer_host* host) {
  trainer_value value = {sizeof value, 0, 0, 0, {NULL, 0}};
  if (getenv("WITNESS_FILE") != NULL && host->argument(host, "output_dir", 10, &value) == TRAINER_OK) return TRAINER_OK;
  host->set_error(host, "WITNESS_FILE is not set", 23);
  return TRAINER_NOT_CONFIGURED;
}

static const void* TRAINER_CALL plugin_extension(const char* id) {
  static const trainer_ext_tracker tracker = {sizeof tracker, 0, available};
  static const trainer_ext_ranks ranks = {sizeof ranks, 0, TRAINER_RANKS_ALL, 0};
  if (strcmp(id, TRAINER_EXT_RANKS) == 0) return &ranks;
  return strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &tracker : NULL;
}

TRAINER_PLUGIN_DEFINE(create, plugin_extension, {
  "id": "frozen_witness",
  "version": "1.0.0",
  "description": "Writes down what the host gives, in C.",
  "report_to": "frozen_witness",
  "class": "FrozenWitness",
  "events": ["on_init_end", "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_step_begin",
             "on_pre_optimizer_step", "on_optimizer_step", "on_substep_end", "on_step_end", "on_evaluate",
             "on_predict", "on_save", "on_log", "on_prediction_step", "on_push_begin"],
  "config": {
    "file": {"type": "string", "description": "Where it writes."},
    "numbers": {"type": "boolean", "default": true},
    "number": {"type": "number", "default": 2.5, "minimum": 0, "maximum": 10},
    "list": {"type": "array", "default": [1, "two", {"three": 3}]},
    "nothing": {"type": ["null", "string"], "default": null}
  }
})
