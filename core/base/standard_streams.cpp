// SPDX-License-Identifier: Apache-2.0
#include "base/standard_streams.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iostream>

namespace trainer {

std::string stdout_failure() {
  errno = 0;
  std::cout.flush();
  std::fflush(stdout);
  if (std::cout.good() && !std::ferror(stdout)) return {};
  return errno != 0 ? std::strerror(errno) : "a write failed";
}

}  // namespace trainer
