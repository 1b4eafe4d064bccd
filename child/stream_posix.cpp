// SPDX-License-Identifier: Apache-2.0
#include "child/stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

namespace trainer::child {
namespace {

[[noreturn]] void fail_stream(const std::string& what, int code = errno) {
  throw std::system_error(code, std::generic_category(), what);
}

void never_inherit(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }
void never_block(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

Pair make_socket_pair() {
  int fds[2];
#if defined(SOCK_CLOEXEC)
  // At once, so that a process which another thread starts in between does not inherit it.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) fail_stream("socketpair");
#else
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail_stream("socketpair");
#endif
  for (const int fd : fds) never_inherit(fd);
  never_block(fds[0]);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Pair make_pipe() {
  int fds[2];
  if (::pipe(fds) != 0) fail_stream("pipe");
  for (const int fd : fds) never_inherit(fd), never_block(fd);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Descriptor connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail_stream(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (socket.get() < 0) fail_stream("socket");
  never_inherit(socket.get());
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail_stream(path);
  never_block(socket.get());
  return socket;
}

std::ptrdiff_t send_some(int fd, const char* data, std::size_t size) {
#if defined(MSG_NOSIGNAL)
  const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
#else
  const ssize_t n = ::send(fd, data, size, 0);
#endif
  if (n >= 0) return n;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return -1;
  fail_stream("send");
}

std::ptrdiff_t receive_some(int fd, char* data, std::size_t size) {
  const ssize_t n = ::recv(fd, data, size, 0);
  if (n >= 0) return n;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return -1;
  if (errno == ECONNRESET) return 0;
  fail_stream("recv");
}

Ready wait_for(int fd, bool to_write, int wake) {
  pollfd polled[2] = {{fd, static_cast<short>(POLLIN | (to_write ? POLLOUT : 0)), 0}, {wake, POLLIN, 0}};
  if (::poll(polled, 2, -1) < 0) {
    if (errno == EINTR) return {};
    fail_stream("poll");
  }
  return {(polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0, (polled[0].revents & POLLOUT) != 0,
          polled[1].revents != 0};
}

void wake(int fd) {
  // A full pipe wakes as well.
  [[maybe_unused]] const ssize_t n = ::write(fd, "", 1);
}

void drain(int fd) {
  char bytes[256];
  while (::read(fd, bytes, sizeof bytes) > 0) {
  }
}

}  // namespace trainer::child
