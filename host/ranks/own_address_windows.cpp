// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <winsock2.h>
#include <ws2tcpip.h>

#include <memory>

#include "ranks/own_address.hpp"
#include "ranks/sockets_windows.hpp"

namespace trainer {
std::string own_address_towards(const std::string& host, std::uint16_t port) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_DGRAM;
  if (start_sockets() != 0 || ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found) != 0)
    return "";
  const std::unique_ptr<addrinfo, void(WSAAPI*)(addrinfo*)> list(found, ::freeaddrinfo);
  for (const addrinfo* one = found; one; one = one->ai_next) {
    const SOCKET socket =
        ::WSASocketW(one->ai_family, SOCK_DGRAM, 0, nullptr, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (socket == INVALID_SOCKET) continue;
    sockaddr_storage own{};
    int size = sizeof own;
    char number[NI_MAXHOST] = "";
    // Connecting a datagram socket only chooses the way.
    const bool good =
        ::connect(socket, one->ai_addr, static_cast<int>(one->ai_addrlen)) == 0 &&
        ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) == 0 &&
        ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, number, sizeof number, nullptr, 0, NI_NUMERICHOST) == 0;
    ::closesocket(socket);
    if (good) return number;
  }
  return "";
}

}  // namespace trainer
