// SPDX-License-Identifier: Apache-2.0
#include "child/loopback_windows.hpp"

#include <algorithm>
#include <cstdio>
#include <random>
#include <system_error>

namespace trainer::child::windows {
namespace {

Descriptor descriptor_of(SOCKET socket) { return Descriptor(static_cast<int>(socket)); }

Descriptor make_socket() {
  static const int code = [] {
    WSADATA data;
    return ::WSAStartup(MAKEWORD(2, 2), &data);
  }();
  if (code != 0) fail_socket("WinSock", code);
  const SOCKET made =
      ::WSASocketW(AF_INET, SOCK_STREAM, IPPROTO_TCP, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
  if (made == INVALID_SOCKET) fail_socket("socket");
  return descriptor_of(made);
}

sockaddr_in loopback(unsigned short port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = ::htons(port);
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  return address;
}

/// Whether somebody can be accepted, or something be read, before then.
bool ready_until(const Descriptor& socket, std::chrono::steady_clock::time_point then) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(then - std::chrono::steady_clock::now()).count();
  WSAPOLLFD polled{socket_of(socket.get()), POLLRDNORM, 0};
  return left > 0 && ::WSAPoll(&polled, 1, static_cast<int>(std::min<long long>(left, 1'000'000))) > 0;
}

}  // namespace

int limited(std::size_t size) { return static_cast<int>(std::min<std::size_t>(size, 1u << 30)); }

void fail_socket(const std::string& what, int code) { throw std::system_error(code, std::system_category(), what); }

// 32 hexadecimal digits of the system's source.
std::string random_token() {
  std::random_device source;
  std::string token;
  while (token.size() < 32) {
    char digits[12];
    std::snprintf(digits, sizeof digits, "%08x", static_cast<unsigned>(source()));
    token += digits;
  }
  return token;
}

Descriptor listen_on_loopback(unsigned short& port) {
  Descriptor listener = make_socket();
  sockaddr_in address = loopback(0);
  int size = sizeof address;
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  BOOL alone = TRUE;
  ::setsockopt(socket_of(listener.get()), SOL_SOCKET, SO_EXCLUSIVEADDRUSE, reinterpret_cast<const char*>(&alone),
               sizeof alone);
  if (::bind(socket_of(listener.get()), any, size) != 0 || ::listen(socket_of(listener.get()), 4) != 0 ||
      ::getsockname(socket_of(listener.get()), any, &size) != 0)
    fail_socket("listen");
  port = ::ntohs(address.sin_port);
  return listener;
}

Descriptor connect_to_port(unsigned short port, const std::string& token) {
  Descriptor made = make_socket();
  const sockaddr_in address = loopback(port);
  if (::connect(socket_of(made.get()), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail_socket("connect");
  if (::send(socket_of(made.get()), token.data(), limited(token.size()), 0) != limited(token.size()))
    fail_socket("send");
  return made;
}

void never_block(const Descriptor& socket) {
  u_long on = 1;
  ::ioctlsocket(socket_of(socket.get()), FIONBIO, &on);
  BOOL at_once = TRUE;
  ::setsockopt(socket_of(socket.get()), IPPROTO_TCP, TCP_NODELAY, reinterpret_cast<const char*>(&at_once),
               sizeof at_once);
}

Descriptor accept_known(const Descriptor& listener, const std::string& token,
                        std::chrono::steady_clock::time_point then) {
  while (ready_until(listener, then)) {
    Descriptor made = descriptor_of(::accept(socket_of(listener.get()), nullptr, nullptr));
    if (made.get() < 0) continue;
    ::SetHandleInformation(reinterpret_cast<HANDLE>(socket_of(made.get())), HANDLE_FLAG_INHERIT, 0);
    std::string shown;
    // Whoever has come is heard, however little of the time is left: on a busy machine the token comes later.
    const auto patience = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (shown.size() < token.size() && ready_until(made, patience)) {
      char bytes[64];
      const int n = ::recv(socket_of(made.get()), bytes, limited(token.size() - shown.size()), 0);
      if (n <= 0) break;
      shown.append(bytes, static_cast<std::size_t>(n));
    }
    if (shown == token) return made;
  }
  return {};
}

}  // namespace trainer::child::windows
