/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that ends its process in the way that WAY names: in on_log, or as EARLY while it is loaded. With neither,
 * its configuration says what it does (`way`), from which step on (`step`), and with which file (`file`). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <trainer/plugin.h>
#include <windows.h>

#ifdef EARLY
#define DURING_LOADING EARLY
#else
#define DURING_LOADING ""
#endif
#ifndef WAY
#define WAY ""
#endif

static const trainer_host* host;

static int fill_the_stack(volatile char* before) {
  volatile char block[65536];
  block[0] = before[0];
  return fill_the_stack(block) + block[1];
}

static DWORD WINAPI elsewhere(void* nothing) {
  (void)nothing;
  *(volatile int*)8 = 1;
  return 0;
}

static trainer_value config(const char* name) {
  trainer_value value = {sizeof value};
  host->config(host, name, strlen(name), &value);
  return value;
}

static const char* text_of(const char* name, char* text, size_t size) {
  const trainer_value value = config(name);
  snprintf(text, size, "%.*s", (int)value.text.size, value.text.data);
  return text;
}

/* Who reads the file never sees half of it. */
static void write_process_id(const char* file) {
  char hidden[300];
  FILE* out;
  snprintf(hidden, sizeof hidden, "%s.new", file);
  out = fopen(hidden, "w");
  fprintf(out, "%lu", GetCurrentProcessId());
  fclose(out);
  rename(hidden, file);
}

static void start(const char* program) {
  STARTUPINFOA how = {sizeof how};
  PROCESS_INFORMATION made;
  if (!CreateProcessA(program, NULL, NULL, NULL, FALSE, 0, NULL, NULL, &how, &made)) exit(9);
}

static void do_it(const char* way) {
  volatile int zero = 0;
  volatile char first = 0;
  char file[256];
  if (!strcmp(way, "access")) *(volatile int*)8 = 1;
  if (!strcmp(way, "overflow")) zero = fill_the_stack(&first);
  if (!strcmp(way, "abort")) abort();
  if (!strcmp(way, "exit")) exit(0);
  if (!strcmp(way, "quick_exit")) _exit(0);
  if (!strcmp(way, "exit_process")) ExitProcess(0);
  if (!strcmp(way, "division")) zero = 7 / zero;
  if (!strcmp(way, "illegal")) __builtin_trap();
  if (!strcmp(way, "raise")) RaiseException(0xE0000001, 0, 0, NULL);
  if (!strcmp(way, "terminate")) TerminateProcess(GetCurrentProcess(), 5);
  if (!strcmp(way, "hang")) Sleep(INFINITE);
  if (!strcmp(way, "hang, told")) write_process_id(text_of("file", file, sizeof file)), Sleep(INFINITE);
  if (!strcmp(way, "start")) start(text_of("file", file, sizeof file));
  if (!strcmp(way, "print")) puts("printed by the plugin"), fflush(stdout);
  if (!strcmp(way, "thread")) {
    HANDLE thread = CreateThread(NULL, 0, elsewhere, NULL, 0, NULL);
    WaitForSingleObject(thread, INFINITE);
  }
}

BOOL WINAPI DllMain(HINSTANCE library, DWORD why, void* reserved) {
  (void)library, (void)reserved;
  if (why != DLL_PROCESS_ATTACH) return TRUE;
  do_it(DURING_LOADING);
  return strcmp(DURING_LOADING, "false") != 0;
}

static int32_t TRAINER_CALL on_log(trainer_callback* self, const trainer_event* event) {
  char way[64];
  (void)self;
  if (event->state->global_step < config("step").integer) return TRAINER_OK;
  do_it(*WAY ? WAY : text_of("way", way, sizeof way));
  return TRAINER_OK;
}

static void TRAINER_CALL destroy(trainer_callback* self) { free(self); }

static int32_t TRAINER_CALL create(const trainer_host* given, trainer_callback** out) {
  trainer_callback* made = calloc(1, sizeof *made);
  if (!made) return TRAINER_ERROR;
  host = given;
  made->struct_size = sizeof *made;
  made->destroy = destroy;
  made->on_log = on_log;
  *out = made;
  return TRAINER_OK;
}

/* The note is JSON. */
/* clang-format off */
TRAINER_PLUGIN_DEFINE(create, NULL,
  {"id": "crasher", "version": "1", "events": ["on_log"],
   "config": {"way": {"type": "string", "default": ""}, "step": {"type": "integer", "default": 1},
              "file": {"type": "string", "default": ""}}})
/* clang-format on */
