/* SPDX-License-Identifier: Apache-2.0
 *
 * A plugin that ends its process in the way that WAY names: in on_log, or as EARLY while it is loaded. */
#include <stdlib.h>
#include <string.h>
#include <trainer/plugin.h>
#include <windows.h>

#if defined(EARLY)
#define DURING_LOADING EARLY
#define IN_EVENT ""
#else
#define DURING_LOADING ""
#define IN_EVENT WAY
#endif

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

static void do_it(const char* way) {
  volatile int zero = 0;
  volatile char first = 0;
  if (!strcmp(way, "access")) *(volatile int*)8 = 1;
  if (!strcmp(way, "overflow")) zero = fill_the_stack(&first);
  if (!strcmp(way, "abort")) abort();
  if (!strcmp(way, "exit")) exit(0);
  if (!strcmp(way, "quick_exit")) _exit(0);
  if (!strcmp(way, "exit_process")) ExitProcess(0);
  if (!strcmp(way, "division")) zero = 7 / zero;
  if (!strcmp(way, "illegal")) __builtin_trap();
  if (!strcmp(way, "raise")) RaiseException(0xE0000001, 0, 0, NULL);
  if (!strcmp(way, "hang")) Sleep(INFINITE);
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
  (void)self, (void)event;
  do_it(IN_EVENT);
  return TRAINER_OK;
}

static void TRAINER_CALL destroy(trainer_callback* self) { free(self); }

static int32_t TRAINER_CALL create(const trainer_host* host, trainer_callback** out) {
  trainer_callback* made = calloc(1, sizeof *made);
  if (!made) return TRAINER_ERROR;
  (void)host;
  made->struct_size = sizeof *made;
  made->destroy = destroy;
  made->on_log = on_log;
  *out = made;
  return TRAINER_OK;
}

TRAINER_PLUGIN_DEFINE(create, NULL, {"id" : "crasher", "version" : "1", "events" : ["on_log"]})
