// SPDX-License-Identifier: Apache-2.0
//
// A disk that is full from some size on, for tests: the process's file size limit. A write that
// crosses it is cut short, and the next one fails with EFBIG, as with ENOSPC on a full disk.
// Windows has no such limit, nor the tests with it.
#pragma once

#if !defined(_WIN32)
#include <sys/resource.h>

#include <csignal>

namespace trainer::test {

class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) {
    handler_ = std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;
  ~FileSizeLimit() {
    setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int) = nullptr;
};

}  // namespace trainer::test
#endif
