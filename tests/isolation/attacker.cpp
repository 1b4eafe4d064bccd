// SPDX-License-Identifier: Apache-2.0
//
// A plugin that does in the call `call` of its configuration, from global step `step` on, what `how` names: one of
// attacks.hpp, or what follows here, which is done to the contract's own structs. Once in the process with `once`.
#include <trainer/ext/console.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

#include "attacks.hpp"

namespace {

const trainer_host* host = nullptr;
trainer_callback callback;
const trainer_event* now = nullptr;  // in an event
bool done = false;
int64_t counted = 0;  // on_step_end, kept in the state

trainer_value text_value(uint32_t type, const std::string& text) {
  return {sizeof(trainer_value), type, 0, 0, {text.data(), text.size()}};
}

std::string text_of_config(const char* name) {
  trainer_value value{};
  value.struct_size = sizeof value;
  host->config(host, name, std::strlen(name), &value);
  return std::string(value.text.data ? value.text.data : "", value.text.size);
}

int64_t number_of_config(const char* name) {
  trainer_value value{};
  value.struct_size = sizeof value;
  host->config(host, name, std::strlen(name), &value);
  return value.integer;
}

int set(const std::string& key, trainer_value value) {
  return now && now->values ? now->values->set(now->values, key.data(), key.size(), &value) : 0;
}

const std::map<std::string, attacks::Act> to_structs = {
    {"state", [] { std::memset(const_cast<trainer_state*>(now->state), 0xff, sizeof *now->state); }},
    {"control size", [] { now->control->struct_size = 0; }},
    {"control reserved", [] { now->control->reserved = 7, now->control->reserved2 = 9; }},
    {"flags", [] { now->control->should_training_stop = 77; }},
    {"map table",
     [] {
       if (now->values) std::memset(now->values, 0, sizeof *now->values);
     }},
    {"event", [] { std::memset(const_cast<trainer_event*>(now), 0, sizeof *now); }},
    {"host table", [] { std::memset(const_cast<trainer_host*>(host), 0, sizeof *host); }},
    {"own slots", [] { std::memset(&callback.on_init_end, 0x11, sizeof(trainer_slot) * 4); }},
    {"own table", [] { std::memset(&callback, 0xff, sizeof callback); }},
    {"host's texts",
     [] { ::munmap(reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(host->log) & ~4095ul), 65536); }},
    {"huge text", [] { set("text", text_value(TRAINER_STRING, std::string(1 << 26, 'x'))); }},
    {"many keys",
     [] {
       for (int i = 0; i < 100000; ++i)
         set("key" + std::to_string(i), {sizeof(trainer_value), TRAINER_NUMBER, 0, 1, {}});
     }},
    {"deep json", [] { set("json", text_value(TRAINER_JSON, std::string(100000, '[') + std::string(100000, ']'))); }},
    {"huge sizes",
     [] {
       trainer_value value{};
       value.struct_size = sizeof value;
       host->config(host, "a", uint64_t{1} << 60, &value);
       host->argument(host, "a", uint64_t{1} << 60, &value);
       host->log(host, TRAINER_LOG_WARNING, nullptr, uint64_t{1} << 60);
     }},
    {"error without end", [] { host->set_error(host, "x", uint64_t{1} << 40); }},
    {"many lines",
     [] {
       const std::string line(10000, '.');
       for (int i = 0; i < 20000; ++i) host->log(host, TRAINER_LOG_WARNING, line.data(), line.size());
     }},
    {"thread logs",
     [] {
       std::thread([] {
         for (;;) host->log(host, TRAINER_LOG_INFO, "late", 4), ::usleep(100);
       }).detach();
     }},
    {"thread asks",
     [] {
       std::thread([] {
         for (;;) {
           trainer_text text{};
           host->arguments_json(host, &text);
         }
       }).detach();
     }},
};

int32_t call(const char* name, int64_t step) {
  if (text_of_config("call") != name || step < number_of_config("step")) return TRAINER_OK;
  if (number_of_config("once") != 0 && done) return TRAINER_OK;
  done = true;
  const std::string how = text_of_config("how");
  if (how == "error") {
    host->set_error(host, "it does not work", 16);
    return TRAINER_ERROR;
  }
  if (how == "status") return 99;
  if (how == "slow") ::usleep(1200000);
  if (how == "slow") return TRAINER_OK;
  if (const auto found = attacks::ends.find(how); found != attacks::ends.end())
    found->second();
  else if (const auto deed = attacks::deeds.find(how); deed != attacks::deeds.end())
    deed->second();
  else
    to_structs.at(how)();
  return TRAINER_OK;
}

#define NAME(event) #event,
constexpr const char* names[] = {TRAINER_FOR_EACH_SLOT(NAME)};
#undef NAME

int32_t TRAINER_CALL slot(trainer_callback*, const trainer_event* event) {
  now = event;
  if (event->kind == TRAINER_ON_STEP_END) ++counted;
  const int32_t status = call(names[event->kind], event->state->global_step);
  now = nullptr;
  return status;
}

int32_t TRAINER_CALL save(trainer_callback*, trainer_map* args, trainer_map* attributes) {
  for (const char* name : {"call", "how", "step", "once"}) {
    trainer_value value{};
    value.struct_size = sizeof value;
    host->config(host, name, std::strlen(name), &value);
    args->set(args, name, std::strlen(name), &value);
  }
  const trainer_value value{sizeof value, TRAINER_INTEGER, counted, 0, {}};
  attributes->set(attributes, "counted", 7, &value);
  return call("save", 1 << 30);
}
int32_t TRAINER_CALL load(trainer_callback*, const trainer_map* attributes) {
  trainer_value value{};
  value.struct_size = sizeof value;
  if (attributes->get(attributes, "counted", 7, &value) == TRAINER_OK) counted = value.integer;
  const std::string told = "restored with " + std::to_string(counted);
  host->log(host, TRAINER_LOG_WARNING, told.data(), told.size());
  return call("load", 1 << 30);
}
void TRAINER_CALL class_name(trainer_callback*, trainer_text*) { call("class_name", 1 << 30); }
void TRAINER_CALL line(trainer_callback*, uint32_t, const char*, uint64_t) { call("line", 1 << 30); }

const void* TRAINER_CALL get_extension(trainer_callback*, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save, load, class_name};
  static const trainer_ext_console console = {sizeof console, 0, line};
  call("get_extension", 1 << 30);
  if (std::strcmp(id, TRAINER_EXT_STATE) == 0) return &state;
  return std::strcmp(id, TRAINER_EXT_CONSOLE) == 0 ? &console : nullptr;
}

int32_t TRAINER_CALL create(const trainer_host* given, trainer_callback** out) {
  host = given;
  callback.struct_size = sizeof callback;
#define SET(event) callback.event = slot;
  TRAINER_FOR_EACH_SLOT(SET)
#undef SET
  callback.get_extension = get_extension;
  callback.destroy = [](trainer_callback*) {
    const std::string told = "counted " + std::to_string(counted);
    host->log(host, TRAINER_LOG_WARNING, told.data(), told.size());
    call("destroy", 1 << 30);
  };
  const int32_t status = call("create", 1 << 30);
  if (status == TRAINER_OK) *out = &callback;
  return status;
}

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN_DEFINE(create, nullptr,
  {"id": "attacker", "version": "1.0.0",
   "events": ["on_init_end", "on_train_begin", "on_train_end", "on_epoch_begin", "on_epoch_end", "on_step_begin",
              "on_pre_optimizer_step", "on_optimizer_step", "on_substep_end", "on_step_end", "on_evaluate", "on_predict",
              "on_save", "on_log", "on_prediction_step", "on_push_begin"],
   "config": {"call": {"type": "string", "default": ""}, "how": {"type": "string", "default": "nothing"},
              "step": {"type": "integer", "default": 2}, "once": {"type": "integer", "default": 0}}})
// clang-format on
