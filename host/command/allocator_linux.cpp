// SPDX-License-Identifier: Apache-2.0
#include <malloc.h>

#include <climits>
#include <cstdlib>

#include "command/allocator.hpp"

namespace trainer::command {

void keep_freed_memory() {
#ifdef __GLIBC__
  for (const char* setting : {"MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES"})
    if (std::getenv(setting)) return;
  mallopt(M_MMAP_THRESHOLD, 32 << 20);  // the most that glibc takes
  mallopt(M_TRIM_THRESHOLD, INT_MAX);
#endif
}

}  // namespace trainer::command
