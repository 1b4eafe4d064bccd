// SPDX-License-Identifier: Apache-2.0
//
// Sockets, pipes, child processes and shared memory of POSIX.
#include "shared/python_bridge/system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <system_error>
#include <thread>

#include "shared/python_bridge/interpreter.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins {
namespace {

[[noreturn]] void fail(const std::string& what, int code = errno) {
  throw std::system_error(code, std::generic_category(), what);
}

void never_inherit(int fd) { ::fcntl(fd, F_SETFD, FD_CLOEXEC); }
void never_block(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

}  // namespace

void Descriptor::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

Pair make_socket_pair() {
  int fds[2];
#if defined(SOCK_CLOEXEC)
  // At once, so that a process which another thread starts in between does not inherit it.
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) fail("socketpair");
#else
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) fail("socketpair");
#endif
  for (const int fd : fds) never_inherit(fd);
  never_block(fds[0]);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Pair make_pipe() {
  int fds[2];
  if (::pipe(fds) != 0) fail("pipe");
  for (const int fd : fds) never_inherit(fd), never_block(fd);
  return {Descriptor(fds[0]), Descriptor(fds[1])};
}

Descriptor connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) fail(path, ENAMETOOLONG);
  std::memcpy(address.sun_path, path.data(), path.size());
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM, 0));
  if (socket.get() < 0) fail("socket");
  never_inherit(socket.get());
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fail(path);
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
  fail("send");
}

std::ptrdiff_t receive_some(int fd, char* data, std::size_t size) {
  const ssize_t n = ::recv(fd, data, size, 0);
  if (n >= 0) return n;
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return -1;
  if (errno == ECONNRESET) return 0;
  fail("recv");
}

Ready wait_for(int fd, bool to_write, int wake) {
  pollfd polled[2] = {{fd, static_cast<short>(POLLIN | (to_write ? POLLOUT : 0)), 0}, {wake, POLLIN, 0}};
  if (::poll(polled, 2, -1) < 0) {
    if (errno == EINTR) return {};
    fail("poll");
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

Process::Process(const std::vector<std::string>& command, const std::map<std::string, std::string>& changed) {
  Pair sockets = make_socket_pair();
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  // With equal numbers the system clears the flag that closes it.
  posix_spawn_file_actions_adddup2(&files, sockets.theirs.get(), 3);
  // Its own group: Ctrl-C on the terminal does not reach it. Signals as a shell would give them.
  sigset_t none, all;
  sigemptyset(&none);
  sigemptyset(&all);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGCHLD, SIGUSR1, SIGUSR2})
    sigaddset(&all, number);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);

  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const std::vector<std::string> environment = child_environment(changed);
  std::vector<char*> variables;
  for (const std::string& line : environment) variables.push_back(const_cast<char*>(line.c_str()));
  variables.push_back(nullptr);

  pid_t pid = -1;
  const int code = ::posix_spawnp(&pid, command[0].c_str(), &files, &attributes, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) fail(command[0], code);
  process_ = pid;
  group_ = -pid;
  stream_ = std::move(sockets.ours);
}

Descriptor Process::connection(double) { return std::move(stream_); }

Process::~Process() {
  if (!ended()) kill();
}

std::optional<std::string> Process::ended() {
  if (ended_ || process_ < 0) return ended_;
  int status = 0;
  const pid_t pid = ::waitpid(static_cast<pid_t>(process_), &status, WNOHANG);
  if (pid == 0 || (pid < 0 && errno == EINTR)) return std::nullopt;
  if (pid < 0)
    ended_ = "";  // somebody else waited for it, and knows how it ended
  else if (WIFSIGNALED(status))
    ended_ = "signal " + std::to_string(WTERMSIG(status));
  else
    ended_ = WEXITSTATUS(status) == 0 ? "" : "exit status " + std::to_string(WEXITSTATUS(status));
  return ended_;
}

std::optional<std::string> Process::wait(double seconds) {
  using Clock = std::chrono::steady_clock;
  const auto until = Clock::now() + std::chrono::duration<double>(seconds);
  auto nap = std::chrono::milliseconds(1);
  while (!ended() && Clock::now() < until) {
    std::this_thread::sleep_for(nap);
    if (nap < std::chrono::milliseconds(20)) nap *= 2;
  }
  return ended_;
}

void Process::kill() {
  if (process_ < 0 || ended_) return;
  ::kill(static_cast<pid_t>(group_), SIGKILL);
  ::kill(static_cast<pid_t>(process_), SIGKILL);
  wait(5);
}

SharedMemory::SharedMemory(std::size_t size) : size_(size) {
  static std::atomic<unsigned> counter{0};
  name_ = "/trainer-" + std::to_string(process_id()) + "-" + std::to_string(counter++);
  const int fd = ::shm_open(name_.c_str(), O_RDWR | O_CREAT | O_EXCL, 0600);
  if (fd < 0) fail("shared memory " + name_);
  // Not ftruncate alone: pages that a full /dev/shm cannot give would be a bus error later.
  const int code = ::posix_fallocate(fd, 0, static_cast<off_t>(size));
  void* data = code == 0 ? ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  const int reason = code == 0 ? errno : code;
  ::close(fd);
  if (data == MAP_FAILED) {
    ::shm_unlink(name_.c_str());
    fail("shared memory of " + std::to_string(size) + " bytes", reason);
  }
  data_ = static_cast<char*>(data);
}

SharedMemory::~SharedMemory() {
  ::munmap(data_, size_);
  ::shm_unlink(name_.c_str());  // the other process has done so, unless it is gone
}

}  // namespace trainer::plugins
