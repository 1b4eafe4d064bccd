// SPDX-License-Identifier: Apache-2.0
#include "child/windows.hpp"

#include "child/descriptor.hpp"

namespace trainer::child {

void Descriptor::close() {
  if (fd_ >= 0) ::closesocket(windows::socket_of(fd_));
  fd_ = -1;
}

}  // namespace trainer::child
