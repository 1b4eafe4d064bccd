// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <winsock2.h>

#include "ranks/sockets_windows.hpp"

namespace trainer {

int start_sockets() {
  static const int error = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  return error;
}

}  // namespace trainer
