// SPDX-License-Identifier: Apache-2.0
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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
  if (error == ECONNREFUSED) return "nobody listens there";
  if (error == ETIMEDOUT || error == EAGAIN) return "nothing answers there";
  return std::strerror(error);
}

// 0, or why it could not be connected.
int try_connect(const addrinfo& to, Clock::time_point deadline) {
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

std::string try_all(const std::string& host, std::uint16_t port, Clock::time_point deadline) {
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

}  // namespace

std::string wait_for_listener(const std::string& host, std::uint16_t port, Clock::time_point deadline) {
  while (true) {
    std::string reason = try_all(host, port, deadline);
    if (reason.empty() || Clock::now() >= deadline) return reason;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace trainer
