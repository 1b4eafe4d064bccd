// SPDX-License-Identifier: Apache-2.0
//
// A tracker that misbehaves in the call that $BAD_CALL names, and how $BAD_HOW says; calls.py says what comes of it.
#include <pthread.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <trainer/ext/console.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <thread>

namespace {

bool is(const char* variable, std::string_view wanted) {
  const char* value = std::getenv(variable);
  return value && value == wanted;
}

bool gives_garbage(const char* name) { return is("BAD_CALL", name) && is("BAD_HOW", "garbage"); }
void* const garbage = reinterpret_cast<void*>(0x10);

[[noreturn]] void hang() {
  for (;;) ::pause();
}

void call(const char* name) {
  if (!is("BAD_CALL", name)) return;
  if (is("BAD_HOW", "exit")) std::exit(0);
  if (is("BAD_HOW", "_exit")) ::_exit(0);
  if (is("BAD_HOW", "_Exit")) std::_Exit(0);
  if (is("BAD_HOW", "quick_exit")) std::quick_exit(0);
  if (is("BAD_HOW", "system call")) ::syscall(SYS_exit_group, 0);
  if (is("BAD_HOW", "kill")) ::kill(::getpid(), SIGKILL);
  if (is("BAD_HOW", "exec")) ::execlp("true", "true", nullptr);
  if (is("BAD_HOW", "alarm")) {
    const itimerval soon{{0, 0}, {0, 1000}};
    ::setitimer(ITIMER_REAL, &soon, nullptr);
    hang();
  }
  if (is("BAD_HOW", "segfault")) *reinterpret_cast<volatile int*>(8) = 1;
  if (is("BAD_HOW", "throw")) throw std::runtime_error("thrown here");
  if (is("BAD_HOW", "throw 5")) throw 5;
  if (is("BAD_HOW", "hang")) hang();
  if (is("BAD_HOW", "thread")) std::thread([] { ::_exit(0); }).join();
  if (is("BAD_HOW", "atexit _exit")) std::atexit([] { ::_exit(0); });
  if (is("BAD_HOW", "atexit segfault")) std::atexit([] { *reinterpret_cast<volatile int*>(8) = 1; });
  if (is("BAD_HOW", "fork"))
    if (::fork() == 0) std::exit(0);
}

const trainer_host* used = nullptr;

int32_t TRAINER_CALL on_log(trainer_callback*, const trainer_event* event) {
  std::printf("logged in step %lld\n", static_cast<long long>(event->state->global_step));
  std::fflush(stdout);
  if (event->state->global_step == 2) call("on_log");
  used->log(used, TRAINER_LOG_WARNING, "a line", 6);
  return TRAINER_OK;
}

int32_t TRAINER_CALL save(trainer_callback*, trainer_map*, trainer_map*) { return call("save"), TRAINER_OK; }
int32_t TRAINER_CALL load(trainer_callback*, const trainer_map*) { return TRAINER_OK; }
void TRAINER_CALL class_name(trainer_callback*, trainer_text* name) {
  call("class_name");
  if (const char* given = std::getenv("CLASS_NAME")) *name = {given, std::strlen(given)};
}
void TRAINER_CALL line(trainer_callback*, uint32_t, const char*, uint64_t) { call("line"); }

const void* TRAINER_CALL get_extension(trainer_callback*, const char* id) {
  static const trainer_ext_state state = {sizeof state, 0, save, load, class_name};
  static const trainer_ext_console console = {sizeof console, 0, line};
  call("get_extension");
  if (gives_garbage("get_extension")) return garbage;
  if (std::strcmp(id, TRAINER_EXT_STATE) == 0) return &state;
  return std::strcmp(id, TRAINER_EXT_CONSOLE) == 0 ? &console : nullptr;
}

int32_t TRAINER_CALL available(const trainer_host*) { return call("available"), TRAINER_OK; }

const void* TRAINER_CALL plugin_get_extension(const char* id) {
  static const trainer_ext_tracker tracker = {sizeof tracker, 0, available};
  call("plugin_get_extension");
  if (gives_garbage("plugin_get_extension")) return garbage;
  return std::strcmp(id, TRAINER_EXT_TRACKER) == 0 ? &tracker : nullptr;
}

int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  static trainer_callback callback;
  call("create");
  callback.struct_size = sizeof callback;
  callback.on_log = on_log;
  callback.get_extension = get_extension;
  callback.destroy = [](trainer_callback*) { call("destroy"); };
  *out = gives_garbage("create") ? static_cast<trainer_callback*>(garbage) : &callback;
  used = host;
  return TRAINER_OK;
}

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN_DEFINE(create, plugin_get_extension,
                      {"id": "calls", "version": "1.0.0", "report_to": "calls", "events": ["on_log"]})
// clang-format on
