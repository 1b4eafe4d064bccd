/* SPDX-License-Identifier: Apache-2.0
 *
 * Loaded before libtorch_cuda.so (LD_PRELOAD), counts the calls of CUDA's runtime with which the host waits for the
 * device, and at the end of the process writes them as JSON into the file that COUNT_WAITS names; beside them copies,
 * kernels, and the most memory that cudaMalloc had given at a time.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static atomic_ulong stream_waits, device_waits, event_waits, plain_copies, to_host, to_device, launches;

/* The real function; the process cannot go on without it. */
static void* next(const char* name) {
  void* found = dlsym(RTLD_NEXT, name);
  if (!found) abort();
  return found;
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static struct {
  void* at;
  size_t size;
} blocks[1 << 16];
static size_t used_blocks, reserved, most_reserved;

static void keep(void* at, size_t size) {
  pthread_mutex_lock(&mutex);
  if (used_blocks == sizeof blocks / sizeof *blocks) abort();
  blocks[used_blocks].at = at;
  blocks[used_blocks++].size = size;
  reserved += size;
  if (reserved > most_reserved) most_reserved = reserved;
  pthread_mutex_unlock(&mutex);
}

static void drop(void* at) {
  pthread_mutex_lock(&mutex);
  for (size_t i = 0; i < used_blocks; ++i)
    if (blocks[i].at == at) {
      reserved -= blocks[i].size;
      blocks[i] = blocks[--used_blocks];
      break;
    }
  pthread_mutex_unlock(&mutex);
}

int cudaMalloc(void** at, size_t size) {
  const int status = ((int (*)(void**, size_t))next("cudaMalloc"))(at, size);
  if (status == 0) keep(*at, size);
  return status;
}

int cudaFree(void* at) {
  drop(at);
  return ((int (*)(void*))next("cudaFree"))(at);
}

#define FORWARD(type, name, parameters, values, count)        \
  int name parameters {                                       \
    static _Atomic(type) real;                                \
    type call = atomic_load(&real);                           \
    if (!call) atomic_store(&real, call = (type)next(#name)); \
    count;                                                    \
    return call values;                                       \
  }

typedef int (*of_pointer)(void*);
typedef int (*of_nothing)(void);
typedef int (*of_copy)(void*, const void*, size_t, int);
typedef int (*of_async_copy)(void*, const void*, size_t, int, void*);
typedef struct {
  unsigned x, y, z;
} size3;
typedef int (*of_launch)(const void*, size3, size3, void**, size_t, void*);
typedef int (*of_config_launch)(const void*, const void*, void**);

FORWARD(of_pointer, cudaStreamSynchronize, (void* stream), (stream), ++stream_waits)
FORWARD(of_pointer, cudaEventSynchronize, (void* event), (event), ++event_waits)
FORWARD(of_nothing, cudaDeviceSynchronize, (void), (), ++device_waits)
FORWARD(of_copy, cudaMemcpy, (void* to, const void* from, size_t size, int kind), (to, from, size, kind),
        ++plain_copies)
FORWARD(of_async_copy, cudaMemcpyAsync, (void* to, const void* from, size_t size, int kind, void* stream),
        (to, from, size, kind, stream),
        (kind == 1   ? ++to_device
         : kind == 2 ? ++to_host
                     : 0))
FORWARD(of_launch, cudaLaunchKernel, (const void* f, size3 grid, size3 block, void** args, size_t shared, void* stream),
        (f, grid, block, args, shared, stream), ++launches)
FORWARD(of_launch, __cudaLaunchKernel,
        (const void* f, size3 grid, size3 block, void** args, size_t shared, void* stream),
        (f, grid, block, args, shared, stream), ++launches)
FORWARD(of_config_launch, cudaLaunchKernelExC, (const void* config, const void* f, void** args), (config, f, args),
        ++launches)

__attribute__((destructor)) static void write_counts(void) {
  const char* name = getenv("COUNT_WAITS");
  FILE* file = name && *name ? fopen(name, "w") : NULL;
  if (!file) return;
  fprintf(file,
          "{\"stream_waits\": %lu, \"device_waits\": %lu, \"event_waits\": %lu, \"plain_copies\": %lu, "
          "\"to_host\": %lu, \"to_device\": %lu, \"launches\": %lu, \"reserved\": %zu}\n",
          stream_waits, device_waits, event_waits, plain_copies, to_host, to_device, launches, most_reserved);
  fclose(file);
}
