// SPDX-License-Identifier: Apache-2.0
//
// A process that gets only so much more address space, for tests: the next threads' stacks do not fit.
#pragma once

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>

namespace trainer::test {

class MemoryLimit {
 public:
  explicit MemoryLimit(rlim_t more_bytes) {
    rlim_t pages = 0;
    std::ifstream("/proc/self/statm") >> pages;
    getrlimit(RLIMIT_AS, &before_);
    const rlimit limit{pages * static_cast<rlim_t>(sysconf(_SC_PAGESIZE)) + more_bytes, before_.rlim_max};
    setrlimit(RLIMIT_AS, &limit);
  }
  MemoryLimit(const MemoryLimit&) = delete;
  MemoryLimit& operator=(const MemoryLimit&) = delete;
  ~MemoryLimit() { setrlimit(RLIMIT_AS, &before_); }

 private:
  rlimit before_{};
};

}  // namespace trainer::test
