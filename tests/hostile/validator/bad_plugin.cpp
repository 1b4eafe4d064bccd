// SPDX-License-Identifier: Apache-2.0
//
// A plugin that keeps the contract, and with -DBAD_... breaks it in one way; validator.py says which test
// of `trainer plugins validate` has to notice.
#define TRAINER_PLUGIN_MINOR 0u
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

#include <unistd.h>

#include <atomic>
#include <chrono>
#include <clocale>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <thread>

namespace {

const trainer_host* host_of(trainer_callback* self);

struct Instance {
  trainer_callback table{};
  const trainer_host* host = nullptr;
  const trainer_event* kept = nullptr;
  bool training = false;
  std::int64_t count = 0;
  char names[1000] = "";
};
Instance& of(trainer_callback* self) { return *static_cast<Instance*>(self->data); }
const trainer_host* host_of(trainer_callback* self) { return of(self).host; }

[[maybe_unused]] int refuse(const trainer_host* host, const char* text) {
  host->set_error(host, text, std::strlen(text));
  return TRAINER_ERROR;
}

[[maybe_unused]] int created = 0;

int32_t TRAINER_CALL on_train_begin(trainer_callback* self, const trainer_event*) {
  of(self).training = true;
#ifdef BAD_DIRECTORY
  if (::chdir("/") != 0) std::abort();
#elif defined(BAD_THREAD)
  std::thread([] { std::this_thread::sleep_for(std::chrono::hours(1)); }).detach();
#elif defined(BAD_OTHER_THREAD)
  std::thread([self] {
    trainer_text json{};
    host_of(self)->config_json(host_of(self), &json);
  }).join();
#elif defined(BAD_BARE_HOST)
  const auto* tensors =
      static_cast<const trainer_ext_parameters*>(host_of(self)->get_extension(host_of(self), TRAINER_EXT_PARAMETERS));
  of(self).count += static_cast<std::int64_t>(tensors->count(host_of(self), TRAINER_OF_MODEL));
#elif defined(BAD_CONFIG)
  trainer_value level{};
  level.struct_size = sizeof level;
  host_of(self)->config(host_of(self), "level", 5, &level);
  if (level.integer > 1000) std::abort();
#endif
  return TRAINER_OK;
}

int32_t TRAINER_CALL on_train_end(trainer_callback* self, const trainer_event*) {
#ifdef BAD_ORDER
  if (!of(self).training) std::abort();
#endif
  of(self).training = false;
  return TRAINER_OK;
}

int32_t TRAINER_CALL on_substep_end(trainer_callback* self, const trainer_event*) {
#ifdef BAD_ACCUMULATION
  if (++of(self).count == 4) std::abort();
#endif
  (void)self;
  return TRAINER_OK;
}

// In the good plugin as it should be.
void set_rates(trainer_callback* self) {
  const trainer_host* host = host_of(self);
  const auto* optimizer = static_cast<const trainer_ext_optimizer*>(host->get_extension(host, TRAINER_EXT_OPTIMIZER));
  if (!optimizer) return;
  double rate = 0.25;
  std::uint64_t count = optimizer->count(host);
#ifdef BAD_RATE
  rate = std::nan("");
#elif defined(BAD_GROUP)
  count = 2;
#endif
  for (std::uint64_t group = 0; group < count; ++group) optimizer->set_lr(host, group, rate);
}

int32_t TRAINER_CALL on_step_end(trainer_callback* self, const trainer_event* event) {
  (void)self, (void)event;
  set_rates(self);
#ifdef BAD_STATUS
  return 7;
#elif defined(BAD_SILENT)
  return TRAINER_ERROR;
#elif defined(BAD_FLAG)
  event->control->should_log = 2;
#elif defined(BAD_RESERVED)
  event->control->reserved = 1;
#elif defined(BAD_WRITES)
  const_cast<trainer_state*>(event->state)->global_step = 0;
#elif defined(BAD_SLOTS)
  self->on_save = self->on_step_end;
#elif defined(BAD_HANG)
  for (volatile bool forever = true; forever;) {
  }
#elif defined(BAD_EXIT)
  std::_Exit(0);
#elif defined(BAD_SLOW)
  std::this_thread::sleep_for(std::chrono::milliseconds(120));
#elif defined(BAD_NEWER)
  if (event->train_dataloader_size == 0) host_of(self)->request_stop(host_of(self));
#elif defined(BAD_SIZE)
  if (event->struct_size != sizeof *event) return refuse(host_of(self), "another size of the event");
#elif defined(BAD_KEEPS)
  if (of(self).kept && of(self).kept->state->global_step < 0) std::abort();
  of(self).kept = event;
#elif defined(BAD_THROW)
  throw 5;
#elif defined(BAD_STATE_VALUES)
  if (event->state->global_step < 0) std::abort();
#endif
#ifdef BAD_MANY_STEPS
  if (event->state->global_step > 9) std::abort();
#endif
  return TRAINER_OK;
}

int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  (void)self;
#ifdef BAD_NAN
  trainer_text key{};
  trainer_value value{};
  value.struct_size = sizeof value;
  for (uint64_t i = 0; event->values->at(event->values, i, &key, &value) == TRAINER_OK; ++i)
    if (std::isnan(value.number)) std::abort();
#elif defined(BAD_MANY_KEYS)
  if (event->values->size(event->values) > 1000) std::abort();
#endif
  (void)event;
  return TRAINER_OK;
}

int32_t TRAINER_CALL save(trainer_callback* self, trainer_map*, trainer_map* attributes) {
  trainer_value value{};
  value.struct_size = sizeof value;
  value.type = TRAINER_INTEGER;
  value.integer = of(self).count;
  value.number = static_cast<double>(value.integer);
#ifdef BAD_SAVE
  of(self).count++;
#endif
  return attributes->set(attributes, "count", 5, &value);
}

int32_t TRAINER_CALL load(trainer_callback* self, const trainer_map* attributes) {
  trainer_value value{};
  value.struct_size = sizeof value;
  if (attributes->get(attributes, "count", 5, &value) != TRAINER_OK) {
#ifdef BAD_LOAD
    std::abort();
#endif
    return refuse(host_of(self), "the state has no \"count\", expected one");
  }
  of(self).count = value.integer;
  return TRAINER_OK;
}

const trainer_ext_state state = {sizeof(trainer_ext_state), 0, save, load, nullptr};

int32_t TRAINER_CALL result(trainer_callback*, std::uint64_t index, trainer_result* one) {
  if (index > 0) return TRAINER_NOT_FOUND;
#ifndef BAD_RESULTS
  one->label = {"counter", 7};
#endif
  one->place = {"count.txt", 9};
  return TRAINER_OK;
}
const trainer_ext_results results = {sizeof(trainer_ext_results), 0, result};

int32_t TRAINER_CALL ended(trainer_callback*, [[maybe_unused]] const trainer_outcome* outcome) {
#ifdef BAD_OUTCOME
  if (outcome->kind > TRAINER_OUTCOME_FAILED) std::abort();
#endif
  return TRAINER_OK;
}
const trainer_ext_outcome outcome = {sizeof(trainer_ext_outcome), 0, ended};

// Without std::string, whose functions would be among the symbols.
struct CountFile {
  char path[4096];
  CountFile(const char* directory, std::uint64_t size) {
    std::snprintf(path, sizeof path, "%.*s/count", static_cast<int>(size), directory);
  }
};

int32_t TRAINER_CALL save_files(trainer_callback* self, const char* directory, std::uint64_t size) {
  std::ofstream(CountFile(directory, size).path) << of(self).count;
  return TRAINER_OK;
}
int32_t TRAINER_CALL load_files(trainer_callback* self, const char* directory, std::uint64_t size) {
  if (std::ifstream(CountFile(directory, size).path) >> of(self).count) return TRAINER_OK;
#ifdef BAD_FILES
  std::abort();
#endif
  return refuse(host_of(self), "the file has no count, expected one");
}
const trainer_ext_checkpoint_files files = {sizeof(trainer_ext_checkpoint_files), 0, save_files, load_files};

const void* TRAINER_CALL instance_extension(trainer_callback*, const char* id) {
#ifdef BAD_EXTENSION
  return &state;
#endif
  if (std::strcmp(id, TRAINER_EXT_RESULTS) == 0) return &results;
  if (std::strcmp(id, TRAINER_EXT_OUTCOME) == 0) return &outcome;
  if (std::strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return &files;
  return std::strcmp(id, TRAINER_EXT_STATE) == 0 ? &state : nullptr;
}

void TRAINER_CALL destroy(trainer_callback* self) {
  delete static_cast<Instance*>(self->data);
#ifdef BAD_TWO
  --created;
#endif
}

#ifdef BAD_UNDEFINED
}  // namespace
extern "C" void this_symbol_is_nowhere(void);
namespace {
#endif

int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
#ifdef BAD_NULL
  (void)host, (void)out;
  return TRAINER_OK;
#endif
#ifdef BAD_UNDEFINED
  this_symbol_is_nowhere();
#endif
#ifdef BAD_MANY
  if (++created > 100) return refuse(host, "too many");
#elif defined(BAD_TWO)
  if (++created > 1) std::abort();
#endif
  auto* made = new Instance;
  made->host = host;
  made->table.struct_size = sizeof made->table;
#ifdef BAD_SMALL
  made->table.struct_size = 8;
#endif
  made->table.data = made;
  made->table.destroy = destroy;
  made->table.get_extension = instance_extension;
  made->table.on_train_begin = on_train_begin;
  made->table.on_train_end = on_train_end;
  made->table.on_substep_end = on_substep_end;
  made->table.on_step_end = on_step_end;
  made->table.on_log = on_log;
#ifdef BAD_EVENTS
  made->table.on_save = on_log;
#endif
  *out = &made->table;
  return TRAINER_OK;
}

#ifdef BAD_TRACKER
int32_t TRAINER_CALL available(const trainer_host*) { return TRAINER_UNAVAILABLE; }
#else
int32_t TRAINER_CALL available(const trainer_host*) { return TRAINER_OK; }
#endif
const trainer_ext_tracker tracker = {sizeof(trainer_ext_tracker), 0, available};

#ifdef BAD_RANKS
const trainer_ext_ranks ranks = {sizeof(trainer_ext_ranks), 0, 7, 0};
#else
const trainer_ext_ranks ranks = {sizeof(trainer_ext_ranks), 0, TRAINER_RANKS_ALL, 0};
#endif

const void* TRAINER_CALL plugin_extension(const char* id) {
  if (std::strcmp(id, TRAINER_EXT_RANKS) == 0) return &ranks;
  return std::strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &tracker : nullptr;
}

#ifdef BAD_LOADING
[[gnu::constructor]] void change_the_locale() { ::setenv("BAD_PLUGIN", "was here", 1); }
#endif

}  // namespace

#ifdef BAD_SYMBOLS
extern "C" __attribute__((visibility("default"))) int another_symbol;
int another_symbol = 1;
#endif

#ifdef BAD_NOTE  // one note in the section that is read from the file, another one behind the table
#undef TRAINER_EMBED_NOTE
#define TRAINER_EMBED_NOTE(text)                                                                            \
  TRAINER_IN_NOTE_SECTION static const struct {                                                             \
    trainer_note head;                                                                                      \
    char json[sizeof(text)];                                                                                \
  } note_of_file = {{TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, sizeof(text) - 1, 0}, text}; \
  static const struct {                                                                                     \
    trainer_note head;                                                                                      \
    char json[3];                                                                                           \
  } trainer_note_data = {{TRAINER_NOTE_MAGIC, TRAINER_ABI_MAJOR, TRAINER_ABI_MINOR, 2, 0}, "{}"};
#endif

// The note is JSON.
// clang-format off
TRAINER_PLUGIN_DEFINE(create, plugin_extension, {
  "id": "bad", "version": "1.0.0", "report_to": "bad",
  "events": ["on_train_begin", "on_train_end", "on_substep_end", "on_step_end", "on_log"],
  "config": {"level": {"type": "integer", "default": 3}}
})
// clang-format on
