// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "trainer/error.hpp"

extern char** environ;

namespace trainer {
namespace {

constexpr int record_fd = 3;
constexpr std::size_t longest_record = 1 << 20;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

pid_t start(const ChildProcess& child, int record) {
  auto words = child.command;
  auto variables = child.environment.value_or(std::vector<std::string>());
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, record, record_fd);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, child.printed.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (!child.directory.empty()) ::posix_spawn_file_actions_addchdir_np(&files, child.directory.c_str());
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  pid_t pid = 0;
  const int error = ::posix_spawn(&pid, words[0].c_str(), &files, &attributes, pointers(words).data(),
                                  child.environment ? pointers(variables).data() : environ);
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&files);
  if (error != 0) throw_run(error_id::process_failed, words[0] + " could not be started: " + std::strerror(error));
  return pid;
}

// What comes from the pipe without waiting; both ends may be gone.
void drain(int fd, std::string& text) {
  char piece[4096];
  for (ssize_t n = 0; text.size() < longest_record && (n = ::read(fd, piece, sizeof piece)) > 0;)
    text.append(piece, static_cast<std::size_t>(n));
}

std::string ending(int status) {
  if (WIFSIGNALED(status))
    return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

ChildEnd run_child(const ChildProcess& child) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    throw_run(error_id::process_failed, std::string("no pipe could be made: ") + std::strerror(errno));
  // The child's copy must not be its own number: dup2 to itself would leave close-on-exec on.
  if (ends[1] == record_fd) {
    const int other = ::fcntl(ends[1], F_DUPFD_CLOEXEC, record_fd + 1);
    ::close(ends[1]);
    ends[1] = other;
  }
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  const auto begin = std::chrono::steady_clock::now();
  pid_t pid = 0;
  try {
    pid = start(child, ends[1]);
  } catch (...) {
    ::close(ends[0]), ::close(ends[1]);
    throw;
  }
  ::close(ends[1]);

  ChildEnd end;
  int status = 0;
  // Not until the pipe closes: what the child started may hold it open.
  for (pid_t ended = 0; ended == 0;) {
    pollfd event{ends[0], POLLIN, 0};
    if (::poll(&event, 1, 5) > 0 && (event.revents & POLLIN) == 0) ::usleep(1000);  // closed
    drain(ends[0], end.record);
    ended = ::waitpid(pid, &status, WNOHANG);
    if (ended < 0 && errno == EINTR) ended = 0;
    end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ended == 0 && !end.killed && end.seconds > child.limit_s) {
      ::kill(-pid, SIGKILL);
      end.killed = true;
    }
  }
  drain(ends[0], end.record);
  ::close(ends[0]);
  ::kill(-pid, SIGKILL);  // processes that it left
  if (!end.record.empty() && end.record.back() == '\n')
    end.record.pop_back();
  else
    end.record.clear();
  end.ending = ending(status);
  end.good = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return end;
}

void begin_child() {
  ::fcntl(record_fd, F_SETFD, FD_CLOEXEC);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

int write_record(const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(record_fd, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return 1;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return 0;
}

}  // namespace trainer
