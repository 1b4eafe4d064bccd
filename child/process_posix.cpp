// SPDX-License-Identifier: Apache-2.0
#include "child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <system_error>
#include <thread>

#include "child/process_list.hpp"

namespace trainer::child {
namespace {

constexpr int stream_number = 3;  // in the child

// Of no other child, also of another process that has had this number.
std::string new_mark() {
  static std::atomic<unsigned> number{0};
  const auto now = std::chrono::system_clock::now().time_since_epoch().count();
  return "TRAINER_CHILD_" + std::to_string(::getpid()) + "_" + std::to_string(++number) + "=" + std::to_string(now);
}

std::vector<char*> pointers(const std::vector<std::string>& words) {
  std::vector<char*> out;
  for (const std::string& word : words) out.push_back(const_cast<char*>(word.c_str()));
  out.push_back(nullptr);
  return out;
}

}  // namespace

Process::Process(const Program& program) : ends_all_(program.ends_all), mark_(ends_all_ ? new_mark() : "") {
  auto environment = program.environment;
  if (ends_all_) environment.push_back(mark_);
  Pair sockets = make_socket_pair();
  Pair output;
  if (program.printed) output = make_pipe();
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  if (program.printed) {
    ::fcntl(output.theirs.get(), F_SETFL, 0);  // the child may wait
    posix_spawn_file_actions_adddup2(&files, output.theirs.get(), STDERR_FILENO);
  }
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);
  // With equal numbers the system clears the flag that closes it.
  posix_spawn_file_actions_adddup2(&files, sockets.theirs.get(), stream_number);
  // Ctrl-C on the terminal does not reach it. Signals as a shell would give them.
  sigset_t none, all;
  sigemptyset(&none);
  sigemptyset(&all);
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE, SIGXFSZ, SIGCHLD, SIGUSR1, SIGUSR2})
    sigaddset(&all, number);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  const int place = program.session ? POSIX_SPAWN_SETSID : POSIX_SPAWN_SETPGROUP;
  posix_spawnattr_setflags(&attributes, static_cast<short>(place | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));

  pid_t pid = -1;
  const int code = ::posix_spawnp(&pid, program.command[0].c_str(), &files, &attributes,
                                  pointers(program.command).data(), pointers(environment).data());
  posix_spawn_file_actions_destroy(&files);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) throw std::system_error(code, std::generic_category(), program.command[0]);
  id_ = process_ = pid;
  group_ = -pid;
  stream_ = std::move(sockets.ours);
  output_ = std::move(output.ours);
}

Descriptor Process::connection(double) { return std::move(stream_); }

Process::~Process() {
  if (!ended()) kill();
}

std::optional<std::string> Process::printed(double seconds) {
  pollfd polled{output_.get(), POLLIN, 0};
  const auto most = static_cast<int>(std::ceil(std::clamp(seconds * 1000, 0.0, 1e9)));
  if (::poll(&polled, 1, most) <= 0) return "";
  std::string text(65536, '\0');
  const ssize_t n = ::read(output_.get(), text.data(), text.size());
  if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN)) return std::nullopt;
  text.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return text;
}

std::optional<std::string> Process::ended() {
  if (ended_ || process_ < 0) return ended_;
  if (ends_all_) {  // while its number is still its own
    siginfo_t info{};
    const int asked = ::waitid(P_PID, static_cast<id_t>(process_), &info, WEXITED | WSTOPPED | WNOHANG | WNOWAIT);
    if (asked == 0 && info.si_code == CLD_STOPPED) ::kill(static_cast<pid_t>(process_), SIGCONT);  // as it ends others
    if (asked == 0 && (info.si_pid == 0 || info.si_code == CLD_STOPPED)) return std::nullopt;
    if (asked == 0) end_all();
  }
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

// Also what has a group or a session of its own. What is left of it may start others, until it is gone.
void Process::end_all() const {
  ::kill(static_cast<pid_t>(group_), SIGKILL);
  for (int rounds = 0, found = 1; found > 0 && rounds < 10; ++rounds) {
    found = 0;
    for (const auto& one : list_processes())
      if (!one.dead && (one.session == process_ || has_variable(one.id, mark_)) && ::kill(one.id, SIGKILL) == 0)
        ++found;
  }
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

void Process::stop(double seconds) {
  if (process_ < 0 || ended()) return;
  ::kill(static_cast<pid_t>(process_), SIGTERM);
  if (!wait(seconds)) kill();
}

Descriptor parent_stream() {
  const int flags = ::fcntl(stream_number, F_GETFL);
  if (flags < 0) throw std::system_error(errno, std::generic_category(), "the stream to the parent");
  ::fcntl(stream_number, F_SETFD, FD_CLOEXEC);
  ::fcntl(stream_number, F_SETFL, flags | O_NONBLOCK);
  return Descriptor(stream_number);
}

}  // namespace trainer::child
