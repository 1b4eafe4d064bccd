// SPDX-License-Identifier: Apache-2.0
#include "child/descriptor.hpp"

#include <unistd.h>

namespace trainer::child {

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace trainer::child
