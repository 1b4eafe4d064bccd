// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <memory>

#include "ranks/master.hpp"
#include "ranks/sockets_windows.hpp"

namespace trainer {
namespace {

std::string reason_of(int error) {
  if (error == WSAECONNREFUSED) return "nobody listens there";
  if (error == WSAETIMEDOUT) return "nothing answers there";
  return windows::message(static_cast<DWORD>(error));
}

// 0, or why it could not be connected.
int try_connect(const addrinfo& to, std::chrono::steady_clock::time_point deadline) {
  const SOCKET socket = ::WSASocketW(to.ai_family, to.ai_socktype, to.ai_protocol, nullptr, 0,
                                     WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (socket == INVALID_SOCKET) return ::WSAGetLastError();
  u_long never_block = 1;
  ::ioctlsocket(socket, FIONBIO, &never_block);
  int error = 0;
  if (::connect(socket, to.ai_addr, static_cast<int>(to.ai_addrlen)) != 0) {
    error = ::WSAGetLastError();
    WSAPOLLFD waiting{socket, POLLWRNORM, 0};
    if (error == WSAEWOULDBLOCK) {
      int size = sizeof error;
      error = WSAETIMEDOUT;
      if (::WSAPoll(&waiting, 1, milliseconds_until(deadline)) > 0)
        ::getsockopt(socket, SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error), &size);
    }
  }
  ::closesocket(socket);
  return error;
}

}  // namespace

std::string try_listener(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point deadline) {
  if (const int error = start_sockets(); error != 0) return reason_of(error);
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); error != 0)
    return "its name is not known here (" + reason_of(error) + ")";
  const std::unique_ptr<addrinfo, void(WSAAPI*)(addrinfo*)> list(found, ::freeaddrinfo);
  int error = WSAETIMEDOUT;
  for (const addrinfo* one = found; one; one = one->ai_next)
    if ((error = try_connect(*one, deadline)) == 0) return "";
  return reason_of(error);
}

}  // namespace trainer
