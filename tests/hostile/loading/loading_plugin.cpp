// SPDX-License-Identifier: Apache-2.0
//
// A plugin that loads quietly and prints a line at each log, and with -DBAD_... does not; loading.py says
// what the host has to say of it.
#include <trainer/plugin.h>

#include <fcntl.h>
#include <unistd.h>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#ifdef WITH_LIBRARY
extern "C" int beside(void);
#endif

namespace {

#ifdef BAD_SEGFAULT
[[gnu::constructor]] void at_loading() { *reinterpret_cast<volatile int*>(8) = 1; }
#elif defined(BAD_ABORT)
[[gnu::constructor]] void at_loading() { std::abort(); }
#elif defined(BAD_EXIT)
[[gnu::constructor]] void at_loading() { std::exit(0); }
#elif defined(BAD_QUICK_EXIT)
[[gnu::constructor]] void at_loading() { ::_exit(0); }
#elif defined(BAD_HANG)
[[gnu::constructor]] void at_loading() {
  for (;;) ::pause();
}
#elif defined(BAD_THROW)
struct Thrower {
  Thrower() { throw 1; }
} thrower;
#elif defined(BAD_OVERFLOW)
int deeper(volatile char* last) {
  volatile char here[65536];
  here[0] = last ? *last : 0;
  return deeper(here) + here[0];
}
[[gnu::constructor]] void at_loading() { deeper(nullptr); }
#elif defined(BAD_BESIDE_OTHERS)  // not in a process of its own
[[gnu::constructor]] void at_loading() {
  char text[4096] = {};
  const int file = ::open("/proc/self/cmdline", O_RDONLY);
  const ssize_t size = ::read(file, text, sizeof text);
  if (size < 0 || !::memmem(text, static_cast<size_t>(size), "plugins\0host", 12)) std::abort();
}
#elif defined(BAD_INPUT)
[[gnu::constructor]] void at_loading() {  // waits for a person
  char text[16];
  if (::read(0, text, sizeof text) > 0) std::abort();
}
#elif defined(SAY)  // all by which a plugin could tell where it is loaded
void append(std::FILE* out, const char* name) {
  char text[4096];
  std::FILE* file = std::fopen(name, "rb");
  const size_t size = file ? std::fread(text, 1, sizeof text, file) : 0;
  if (file) std::fclose(file);
  std::fwrite(text, 1, size, out);
}
[[gnu::constructor]] void at_loading() {
  std::FILE* out = std::fopen(SAY, "ab");
  append(out, "/proc/self/cmdline");
  append(out, "/proc/self/environ");
  append(out, "/proc/self/comm");
  char path[4096] = {}, directory[4096] = {};
  if (::readlink("/proc/self/exe", path, sizeof path - 1) < 0 || !::getcwd(directory, sizeof directory)) std::abort();
  std::fprintf(out, "%s %s\n<end>\n", path, directory);
  std::fclose(out);
}
#elif defined(BAD_TEXT_RELOCATION)
asm(".pushsection .text\n.quad puts\n.popsection");
#endif

int32_t TRAINER_CALL on_train_begin(trainer_callback*, const trainer_event*) {
#ifdef OVERWRITE  // the file that this code came from, as an update in the middle of a run would
  const int file = ::open(OVERWRITE, O_WRONLY | O_TRUNC);
  if (file < 0 || ::write(file, "gone", 4) != 4 || ::close(file) != 0) std::abort();
#endif
  return TRAINER_OK;
}

int32_t TRAINER_CALL on_log(trainer_callback*, const trainer_event* event) {
  std::printf("logged in step %lld\n", static_cast<long long>(event->state->global_step));
#ifdef WITH_LIBRARY
  std::printf("beside: %d\n", beside());
#endif
  std::fflush(stdout);
  return TRAINER_OK;
}

int32_t TRAINER_CALL create(const trainer_host*, trainer_callback** out) {
  static trainer_callback callback;
  callback.struct_size = sizeof callback;
  callback.on_train_begin = on_train_begin;
  callback.on_log = on_log;
  *out = &callback;
  return TRAINER_OK;
}

}  // namespace

// The note is JSON.
// clang-format off
TRAINER_PLUGIN_DEFINE(create, nullptr, {
  "id": "loading", "version": "1.0.0", "events": ["on_train_begin", "on_log"]
})
// clang-format on
