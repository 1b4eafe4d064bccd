// SPDX-License-Identifier: Apache-2.0
#include <winsock2.h>
#include <ws2tcpip.h>

#include "base/windows.hpp"

#include <algorithm>
#include <memory>
#include <thread>

#include "ranks/master.hpp"

namespace trainer {
namespace {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
}

std::string reason_of(int error) {
  if (error == WSAECONNREFUSED) return "nobody listens there";
  if (error == WSAETIMEDOUT) return "nothing answers there";
  return windows::message(static_cast<DWORD>(error));
}

// 0, or why it could not be connected.
int try_connect(const addrinfo& to, Clock::time_point deadline) {
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

std::string try_all(const std::string& host, std::uint16_t port, Clock::time_point deadline) {
  static const int started = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (started != 0) return reason_of(started);
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

}  // namespace

std::string wait_for_listener(const std::string& host, std::uint16_t port, Clock::time_point deadline) {
  while (true) {
    std::string reason = try_all(host, port, deadline);
    if (reason.empty() || Clock::now() >= deadline) return reason;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace trainer
