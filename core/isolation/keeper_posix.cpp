// SPDX-License-Identifier: Apache-2.0
#include "isolation/keeper.hpp"

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "child/process_list.hpp"
#include "isolation/protocol.hpp"

namespace trainer::isolation {
namespace {

constexpr long period_ms = 25, long_period_ms = 1000;  // without a limit signals say what there is to do
constexpr auto longest_cleaning = std::chrono::seconds(3);

using Clock = std::chrono::steady_clock;

volatile sig_atomic_t asked_to_end = 0;

std::vector<pid_t> descendants() {
  std::map<pid_t, pid_t> all;  // the parent of each
  for (const auto& one : child::list_processes()) all[one.id] = one.parent;
  const pid_t own = ::getpid();
  std::vector<pid_t> out;
  for (const auto& [pid, parent] : all) {
    pid_t at = pid;
    for (int steps = 0; steps < 1000 && at != own; ++steps) {
      const auto found = all.find(at);
      if (found == all.end()) break;
      at = found->second;
    }
    if (at == own && pid != own) out.push_back(pid);
  }
  return out;
}

void kill_descendants() {
  const auto until = Clock::now() + longest_cleaning;
  while (Clock::now() < until) {
    for (const pid_t pid : descendants()) ::kill(pid, SIGKILL);
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {
    }
    if (::waitpid(-1, nullptr, WNOHANG) < 0 && errno == ECHILD) return;
    ::usleep(1000);
  }
}

// They see that the plugin is gone, and may end in order, as the Python of a callback does.
void let_descendants_end(Clock::time_point until) {
  while (Clock::now() < until) {
    const pid_t ended = ::waitpid(-1, nullptr, WNOHANG);
    if (ended < 0 && errno == ECHILD) return;
    if (ended <= 0) ::usleep(5000);
  }
}

// Those of its group at once, so that none can make another meanwhile; this process is one of them.
[[noreturn]] void kill_group(const std::vector<pid_t>& all) {
  for (const pid_t pid : all)
    if (::getpgid(pid) != ::getpgrp()) ::kill(pid, SIGKILL);
  ::kill(0, SIGKILL);
  ::_exit(1);
}

// Whoever makes processes as fast as he can leaves nobody else the time to count them.
void come_first() {
#if defined(__linux__)
  const sched_param first{1};
  if (::sched_setscheduler(0, SCHED_FIFO, &first) != 0) ::setpriority(PRIO_PROCESS, 0, -20);
#endif
}

[[noreturn]] void end_as(int status) {
  if (WIFSIGNALED(status)) {
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);  // the child's is the one to look at
    sigset_t blocked;
    ::sigemptyset(&blocked);
    ::signal(WTERMSIG(status), SIG_DFL);
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    ::raise(WTERMSIG(status));
  }
  ::_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

[[noreturn]] void keep(pid_t child, std::optional<std::uint64_t> most_processes, const sigset_t& during_poll) {
  ::close(3);  // so that the end of the child's is the end of the stream
  if (most_processes) come_first();
  const timespec period{most_processes ? 0 : long_period_ms / 1000, most_processes ? period_ms * 1000000 : 0};
  std::optional<Clock::time_point> until;  // since the trainer is gone
  // The pipe's other end is the trainer's; nothing else tells of its end.
  const auto look_for_trainer = [&](const timespec& longest) {
    pollfd pipe{until ? -1 : STDOUT_FILENO, 0, 0};
    if (::ppoll(&pipe, 1, &longest, &during_poll) > 0 && (pipe.revents & (POLLERR | POLLHUP | POLLNVAL)) != 0)
      until = Clock::now() + std::chrono::seconds(seconds_to_leave);
  };
  for (;;) {
    look_for_trainer(period);
    const bool alone = until && Clock::now() > *until;
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(-1, &status, WNOHANG)) > 0 && ended != child) {
    }
    if (most_processes)
      if (const auto all = descendants(); all.size() > *most_processes + 1) kill_group(all);
    if (ended <= 0 && !alone && !asked_to_end) continue;
    if (ended != child) status = SIGKILL;
    if (ended == child) look_for_trainer({0, 0});
    if (ended == child && until) let_descendants_end(*until);
    kill_descendants();
    end_as(status);
  }
}

}  // namespace

void leave_keeper(std::optional<std::uint64_t> most_processes) {
#if defined(__linux__)
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
#endif
  const pid_t keeper = ::getpid();
  sigset_t noticed, before;
  ::sigemptyset(&noticed);
  ::sigaddset(&noticed, SIGTERM), ::sigaddset(&noticed, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &noticed, &before);
  const pid_t child = ::fork();
  if (child > 0) {
    struct sigaction action {};
    action.sa_handler = [](int number) { asked_to_end = asked_to_end || number == SIGTERM; };
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGCHLD, &action, nullptr);
    keep(child, most_processes, before);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
#if defined(__linux__)
  ::prctl(PR_SET_CHILD_SUBREAPER, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(1);
#else
  (void)keeper;
#endif
}

}  // namespace trainer::isolation
