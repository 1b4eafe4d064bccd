// SPDX-License-Identifier: Apache-2.0
//
// A plugin that prints a line at each log, and with -DBAD_... misbehaves at the second one; running.py says
// what comes of it.
#include <trainer/plugin.h>

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>

namespace {

const trainer_host* host = nullptr;

[[maybe_unused]] int fail(const std::string& text) {
  host->set_error(host, text.data(), text.size());
  return TRAINER_ERROR;
}

[[maybe_unused]] int deeper(volatile char* last) {
  volatile char here[65536];
  here[0] = last ? *last : 0;
  return deeper(here) + here[0];
}

[[maybe_unused]] int set(trainer_map* map, const char* key, std::uint64_t key_size, std::uint32_t type,
                         const char* text, std::uint64_t size) {
  trainer_value value{};
  value.struct_size = sizeof value;
  value.type = type;
  value.text = {text, size};
  return map->set(map, key, key_size, &value);
}

int32_t TRAINER_CALL on_log(trainer_callback*, const trainer_event* event) {
  std::printf("logged in step %lld\n", static_cast<long long>(event->state->global_step));
  std::fflush(stdout);
  if (event->state->global_step < 2) return TRAINER_OK;
#ifdef BAD_SEGFAULT
  *reinterpret_cast<volatile int*>(8) = 1;
#elif defined(BAD_OVERFLOW)
  return deeper(nullptr);
#elif defined(BAD_ABORT)
  std::abort();
#elif defined(BAD_ILLEGAL)
  __builtin_trap();
#elif defined(BAD_DIVISION)
  std::raise(SIGFPE);
#elif defined(BAD_EXIT)
  std::exit(0);
#elif defined(BAD_THREAD)
  std::thread([] { *reinterpret_cast<volatile int*>(8) = 1; }).join();
#elif defined(BAD_CALL_THREAD)
  std::thread([] {
    trainer_value value{};
    value.struct_size = sizeof value;
    host->argument(host, "seed", 4, &value);
  }).join();
#elif defined(BAD_MAP_THREAD)
  std::thread([&] { event->values->size(event->values); }).join();
#elif defined(BAD_THROW)
  throw std::runtime_error("thrown in on_log");
#elif defined(BAD_THROW_OTHER)
  throw 5;
#elif defined(BAD_STATUS)
  return 99;
#elif defined(BAD_ERROR)
  return fail("the disk of this plugin is full");
#elif defined(BAD_SILENT)
  return TRAINER_ERROR;
#elif defined(BAD_LONG_ERROR)
  return fail(std::string(1 << 20, 'e'));
#elif defined(BAD_ERROR_TEXT)
  return fail("broken \xff\xfe text");
#elif defined(BAD_FORMAT)
  return fail("100%s of %n%n is gone");
#elif defined(BAD_LINES)
  return fail("first\nerror: second \x1b[2J");
#elif defined(BAD_FLOOD)
  if (event->state->global_step > 2) return TRAINER_OK;
  const std::string line = "flood %d %s" + std::string(100000, '.');
  for (int i = 0; i < 100000; ++i) host->log(host, TRAINER_LOG_WARNING, line.data(), line.size());
#elif defined(BAD_SMALL_VALUE)
  trainer_value value{};
  value.struct_size = 8;
  return event->values->get(event->values, "loss", 4, &value) == TRAINER_ERROR ? fail("too small refused") : TRAINER_OK;
#elif defined(BAD_LONG_KEY)
  return set(event->values, std::string(70000, 'k').c_str(), 70000, TRAINER_INTEGER, nullptr, 0) == TRAINER_ERROR
             ? fail("long key refused")
             : TRAINER_OK;
#elif defined(BAD_MANY_FLAGS)
  std::memset(&event->control->should_training_stop, 0xff, 5 * sizeof(uint32_t));
#elif defined(BAD_FLAG)
  event->control->should_log = 3;
#elif defined(BAD_KEY)
  return set(event->values, "\xff", 1, TRAINER_STRING, "x", 1) == TRAINER_ERROR ? fail("key refused") : TRAINER_OK;
#elif defined(BAD_TEXT)
  return set(event->values, "k", 1, TRAINER_STRING, "\xc0\x80", 2) == TRAINER_ERROR ? fail("text refused") : TRAINER_OK;
#elif defined(BAD_TYPE)
  return set(event->values, "k", 1, 77, "", 0) == TRAINER_ERROR ? fail("type refused") : TRAINER_OK;
#elif defined(BAD_JSON)
  return set(event->values, "k", 1, TRAINER_JSON, "{\"a\":", 5) == TRAINER_ERROR ? fail("json refused") : TRAINER_OK;
#elif defined(BAD_NULL)
  return set(event->values, "k", 1, TRAINER_STRING, nullptr, 5) == TRAINER_ERROR ? fail("null refused") : TRAINER_OK;
#elif defined(BAD_HUGE)
  return set(event->values, "k", std::uint64_t{1} << 60, TRAINER_STRING, "x", 1) == TRAINER_ERROR ? fail("size refused")
                                                                                                  : TRAINER_OK;
#endif
  return TRAINER_OK;
}

int32_t TRAINER_CALL create(const trainer_host* given, trainer_callback** out) {
  static trainer_callback callback;
  host = given;
#ifdef BAD_CALL_CREATE
  host->log_history_size(host);
#endif
  callback.struct_size = sizeof callback;
  callback.on_log = on_log;
  *out = &callback;
  return TRAINER_OK;
}

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN_DEFINE(create, nullptr, {"id": "running", "version": "1.0.0", "events": ["on_log"]})
// clang-format on
