// SPDX-License-Identifier: Apache-2.0
//
// A plugin that does in the call `call` of its configuration, from global step `step` on, what `how` names: one of the
// tables of attacks.hpp, structs.hpp and answers.hpp. Once in the process with `once` 1, once in the directory with 2.
// In calls that have no configuration, or another than they need, the variable ATTACK says the same: "CALL:HOW".
#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/results.h>
#include <trainer/ext/tracker.h>

#include <utility>

#include "answers.hpp"

namespace {

using attacks::callback;
using attacks::empty_value;
using attacks::host;
using attacks::now;

bool done = false;
std::int64_t counted = 0;              // on_step_end, kept in the state
attacks::Act in_destructor = nullptr;  // when the tables may be gone

trainer_value config(const char* name) {
  trainer_value value = empty_value();
  if (host) host->config(host, name, std::strlen(name), &value);
  return value;
}

std::string text_of_config(const char* name) {
  const trainer_value value = config(name);
  return std::string(value.text.data ? value.text.data : "", value.text.size);
}

/// What is to be done in this call, or nothing.
std::string wanted(const std::string& call, std::int64_t step = 1 << 30) {
  const char* variable = std::getenv("ATTACK");
  const std::string given = variable ? variable : "";
  if (given.starts_with(call + ":")) return given.substr(call.size() + 1);
  if (text_of_config("call") != call || step < config("step").integer) return "";
  const std::int64_t once = config("once").integer;
  if (std::exchange(done, true) && once != 0) return "";
  if (once == 2 && ::open("attacked", O_CREAT | O_EXCL | O_CLOEXEC, 0644) < 0) return "";
  return text_of_config("how");
}

attacks::Act act_of(const std::string& how) {
  for (const auto* table : {&attacks::ends, &attacks::deeds, &attacks::changes, &attacks::to_structs})
    if (const auto found = table->find(how); found != table->end()) return found->second;
  return nullptr;
}

std::int32_t fail(const std::string& text) {
  host->set_error(host, text.data(), text.size());
  return TRAINER_ERROR;
}

std::int32_t act(const std::string& how) {
  if (how.empty()) return TRAINER_OK;
  if (how == "error") return fail("it does not work");
  if (how == "forged error") return fail(attacks::forged);
  if (how == "status") return 99;
  if (how == "error and exit at exit") {
    std::atexit([] { ::_exit(0); });
    return fail("it does not work");
  }
  if (how == "slow") return ::usleep(1200000), TRAINER_OK;
  const attacks::Act found = act_of(how);
  if (!found) ::_exit(77);  // which no test expects
  found();
  return TRAINER_OK;
}

std::int32_t call(const char* name, std::int64_t step = 1 << 30) { return act(wanted(name, step)); }

/// Its members run while the library is loaded, and when its process ends.
struct Loaded {
  Loaded() { call("constructor"); }
  ~Loaded() {
    if (in_destructor) in_destructor();
  }
};

#define NAME(event) #event,
constexpr const char* names[] = {TRAINER_FOR_EACH_SLOT(NAME)};
#undef NAME

std::int32_t TRAINER_CALL slot(trainer_callback*, const trainer_event* event) {
  now = event;
  if (event->kind == TRAINER_ON_STEP_END) ++counted;
  const std::int32_t status = call(names[event->kind], event->state->global_step);
  now = nullptr;
  return status;
}

std::int32_t TRAINER_CALL save(trainer_callback*, trainer_map* args, trainer_map* attributes) {
  if (wanted("save") == "no maps") {
    std::memset(args, 0, sizeof *args), std::memset(attributes, 0, sizeof *attributes);
    return TRAINER_OK;
  }
  for (const char* name : {"call", "how", "step", "once"}) {
    const trainer_value value = config(name);
    args->set(args, name, std::strlen(name), &value);
  }
  const trainer_value value{sizeof value, TRAINER_INTEGER, counted, 0, {}};
  attributes->set(attributes, "counted", 7, &value);
  return call("save");
}

std::int32_t TRAINER_CALL load(trainer_callback*, const trainer_map* attributes) {
  trainer_value value = empty_value();
  if (attributes->get(attributes, "counted", 7, &value) == TRAINER_OK) counted = value.integer;
  attacks::log_text("restored with " + std::to_string(counted));
  return call("load");
}

std::int32_t TRAINER_CALL save_files(trainer_callback*, const char* directory, std::uint64_t size) {
  std::FILE* file = std::fopen((std::string(directory, size) + "/counted").c_str(), "w");
  if (!file) return fail("no file");
  std::fprintf(file, "%lld\n", static_cast<long long>(counted));
  std::fclose(file);
  return call("save_files");
}

std::int32_t TRAINER_CALL load_files(trainer_callback*, const char* directory, std::uint64_t size) {
  long long found = -1;
  if (std::FILE* file = std::fopen((std::string(directory, size) + "/counted").c_str(), "r")) {
    if (std::fscanf(file, "%lld", &found) != 1) found = -1;
    std::fclose(file);
  }
  attacks::log_text("files of " + std::to_string(found));
  return call("load_files");
}

std::int32_t TRAINER_CALL result_at(trainer_callback*, std::uint64_t, trainer_result*) {
  const std::int32_t status = call("results");
  return status == TRAINER_OK ? TRAINER_NOT_FOUND : status;
}

std::int32_t TRAINER_CALL ended(trainer_callback*, const trainer_outcome*) { return call("outcome"); }

void TRAINER_CALL class_name(trainer_callback*, trainer_text* name) {
  const std::string how = wanted("class_name");
  const auto found = attacks::class_names.find(how);
  if (found == attacks::class_names.end()) return void(act(how));
  *name = found->second;
  if (how == "very long") name->data = static_cast<char*>(std::memset(std::malloc(name->size), 'c', name->size));
}

void TRAINER_CALL line(trainer_callback*, std::uint32_t, const char*, std::uint64_t) { call("line"); }

void TRAINER_CALL destroy(trainer_callback*) {
  attacks::log_text("counted " + std::to_string(counted));
  if (host->log_history_size(host) > 0) host->log_history_at(host, 0);
  call("destroy");
}

const void* TRAINER_CALL get_extension(trainer_callback*, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save, load, class_name};
  static const trainer_ext_console console = {sizeof console, 0, line};
  static const trainer_ext_checkpoint_files files = {sizeof files, 0, save_files, load_files};
  static const trainer_ext_results results = {sizeof results, 0, result_at};
  static const trainer_ext_outcome outcome = {sizeof outcome, 0, ended};
  const std::string how = wanted("get_extension");
  if (const auto found = attacks::extensions.find(how); found != attacks::extensions.end()) return found->second();
  act(how);
  if (std::strcmp(id, TRAINER_EXT_STATE) == 0) return &state;
  if (std::strcmp(id, TRAINER_EXT_CHECKPOINT) == 0) return &files;
  if (std::strcmp(id, TRAINER_EXT_RESULTS) == 0) return &results;
  if (std::strcmp(id, TRAINER_EXT_OUTCOME) == 0) return &outcome;
  return std::strcmp(id, TRAINER_EXT_CONSOLE) == 0 ? &console : nullptr;
}

std::int32_t TRAINER_CALL create(const trainer_host* given, trainer_callback** out) {
  host = given;
  callback.struct_size = sizeof callback;
#define SET(event) callback.event = slot;
  TRAINER_FOR_EACH_SLOT(SET)
#undef SET
  callback.get_extension = get_extension;
  callback.destroy = destroy;
  in_destructor = act_of(wanted("destructor"));
  const std::string how = wanted("create");
  if (const auto found = attacks::instances.find(how); found != attacks::instances.end()) return found->second(out);
  const std::int32_t status = act(how);
  if (status == TRAINER_OK) *out = &callback;
  return status;
}

std::int32_t TRAINER_CALL available(const trainer_host* asked) {
  const std::string how = wanted("available");
  const auto found = attacks::availabilities.find(how);
  return found == attacks::availabilities.end() ? act(how) : found->second(asked);
}

const void* TRAINER_CALL extension_of_plugin(const char* id) {
  static const trainer_ext_tracker tracker = {sizeof tracker, 0, available};
  const std::string how = wanted("extension");
  if (const auto found = attacks::extensions.find(how); found != attacks::extensions.end()) return found->second();
  act(how);
  return std::strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &tracker : nullptr;
}

const Loaded loaded;

}  // namespace

// The note is JSON.
TRAINER_EMBED_NOTE(
    R"({"id": "attacker", "version": "1.0.0", "report_to": "attacker",
   "events": ["on_init_end", "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_step_begin",
              "on_pre_optimizer_step", "on_optimizer_step", "on_substep_end", "on_step_end", "on_evaluate", "on_predict",
              "on_save", "on_log", "on_prediction_step", "on_push_begin"],
   "config": {"call": {"type": "string", "default": ""}, "how": {"type": "string", "default": "nothing"},
              "step": {"type": "integer", "default": 2}, "once": {"type": "integer", "default": 0}}})")

TRAINER_EXTERN_C TRAINER_EXPORT const trainer_plugin* TRAINER_CALL trainer_plugin_entry() {
  static const trainer_plugin plugin = {TRAINER_PLUGIN_MAGIC, sizeof plugin,           TRAINER_ABI_MAJOR,
                                        TRAINER_PLUGIN_MINOR, &trainer_note_data.head, create,
                                        extension_of_plugin};
  call("entry");
  return &plugin;
}
