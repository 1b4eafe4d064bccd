// SPDX-License-Identifier: Apache-2.0
#include "child/loopback_windows.hpp"

#include <chrono>
#include <cstdlib>

#include "child/stream.hpp"

namespace trainer::child {

using namespace windows;

Pair make_socket_pair() {
  unsigned short port = 0;
  const Descriptor listener = listen_on_loopback(port);
  const std::string token = random_token();
  Descriptor theirs = connect_to_port(port, token);
  Descriptor ours = accept_known(listener, token, std::chrono::steady_clock::now() + std::chrono::seconds(10));
  if (ours.get() < 0) fail_socket("accept", WSAETIMEDOUT);
  never_block(ours);
  return {std::move(ours), std::move(theirs)};
}

Pair make_pipe() {
  Pair pair = make_socket_pair();
  never_block(pair.theirs);
  return pair;
}

Descriptor connect_to(const std::string& where) {
  const std::size_t colon = where.find(':');
  const unsigned long port = std::strtoul(where.c_str(), nullptr, 10);
  if (colon == where.npos || port == 0 || port > 65535)
    fail_socket("\"" + where + "\" is not a port with a token", WSAEINVAL);
  Descriptor socket = connect_to_port(static_cast<unsigned short>(port), where.substr(colon + 1));
  never_block(socket);
  return socket;
}

std::ptrdiff_t send_some(int fd, const char* data, std::size_t size) {
  const int n = ::send(socket_of(fd), data, limited(size), 0);
  if (n >= 0) return n;
  if (::WSAGetLastError() == WSAEWOULDBLOCK) return -1;
  fail_socket("send");
}

std::ptrdiff_t receive_some(int fd, char* data, std::size_t size) {
  const int n = ::recv(socket_of(fd), data, limited(size), 0);
  if (n >= 0) return n;
  const int code = ::WSAGetLastError();
  if (code == WSAEWOULDBLOCK) return -1;
  if (code == WSAECONNRESET || code == WSAECONNABORTED) return 0;
  fail_socket("recv", code);
}

Ready wait_for(int fd, bool to_write, int wake) {
  const auto wanted = static_cast<SHORT>(POLLRDNORM | (to_write ? POLLWRNORM : 0));
  WSAPOLLFD polled[2] = {{socket_of(fd), wanted, 0}, {socket_of(wake), POLLRDNORM, 0}};
  if (::WSAPoll(polled, 2, -1) < 0) fail_socket("poll");
  return {(polled[0].revents & (POLLRDNORM | POLLHUP | POLLERR)) != 0, (polled[0].revents & POLLWRNORM) != 0,
          polled[1].revents != 0};
}

void wake(int fd) { ::send(socket_of(fd), "", 1, 0); }  // a full one wakes as well

void drain(int fd) {
  char bytes[256];
  while (::recv(socket_of(fd), bytes, sizeof bytes, 0) > 0) {
  }
}

}  // namespace trainer::child
