// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "ranks/master.hpp"

namespace trainer {
namespace {

std::string reason_of(int error) {
  if (error == ECONNREFUSED) return "nobody listens there";
  if (error == ETIMEDOUT || error == EAGAIN) return "nothing answers there";
  return std::strerror(error);
}

// 0, or why it could not be connected.
int try_connect(const addrinfo& to, std::chrono::steady_clock::time_point deadline) {
  const int socket = ::socket(to.ai_family, to.ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, to.ai_protocol);
  if (socket < 0) return errno;
  int error = 0;
  if (::connect(socket, to.ai_addr, to.ai_addrlen) != 0) {
    error = errno;
    pollfd waiting{socket, POLLOUT, 0};
    if (error == EINPROGRESS) {
      socklen_t size = sizeof error;
      error = ETIMEDOUT;
      if (::poll(&waiting, 1, milliseconds_until(deadline)) > 0)
        ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size);
    }
  }
  ::close(socket);
  return error;
}

}  // namespace

std::string try_listener(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point deadline) {
  addrinfo wanted{}, *found = nullptr;
  wanted.ai_socktype = SOCK_STREAM;
  if (const int error = ::getaddrinfo(host.c_str(), std::to_string(port).c_str(), &wanted, &found); error != 0)
    return std::string("its name is not known here (") + ::gai_strerror(error) + ")";
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(found, ::freeaddrinfo);
  int error = ETIMEDOUT;
  for (const addrinfo* one = found; one; one = one->ai_next)
    if ((error = try_connect(*one, deadline)) == 0) return "";
  return reason_of(error);
}

}  // namespace trainer
