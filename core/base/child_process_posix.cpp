// SPDX-License-Identifier: Apache-2.0
#include "base/child_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <random>
#include <utility>

#include "base/child_process_parts.hpp"
#include "trainer/error.hpp"

extern char** environ;

namespace trainer {
namespace {

constexpr int record_fd = 3;

std::vector<char*> pointers(std::vector<std::string>& words) {
  std::vector<char*> out;
  for (auto& word : words) out.push_back(word.data());
  out.push_back(nullptr);
  return out;
}

pid_t start(const ChildProcess& child, int record) {
  auto words = child.command;
  auto variables = child.environment.value_or(std::vector<std::string>());
  const std::string printed = child.printed.empty() ? "/dev/null" : child.printed.string();
  posix_spawn_file_actions_t files;
  ::posix_spawn_file_actions_init(&files);
  ::posix_spawn_file_actions_adddup2(&files, record, record_fd);
  ::posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&files, 1, printed.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  ::posix_spawn_file_actions_adddup2(&files, 1, 2);
  if (!child.directory.empty()) ::posix_spawn_file_actions_addchdir_np(&files, child.directory.c_str());
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
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

int write_line(int descriptor, const std::string& line) {
  const std::string text = line + "\n";
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t n = ::write(descriptor, text.data() + done, text.size() - done);
    if (n < 0 && errno != EINTR) return 1;
    if (n > 0) done += static_cast<std::size_t>(n);
  }
  return 0;
}

std::string ending(int status) {
  if (WIFSIGNALED(status))
    return "signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ")";
  return "exit status " + std::to_string(WEXITSTATUS(status));
}

// What the child writes its record to; this side is read without waiting.
class Pipe {
 public:
  Pipe() {
    if (::pipe2(ends_, O_CLOEXEC) != 0)
      throw_run(error_id::process_failed, std::string("no pipe could be made: ") + std::strerror(errno));
    ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
  }
  ~Pipe() {
    ::close(ends_[0]);
    close_writing();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  int reading() const { return ends_[0]; }
  int writing() const { return ends_[1]; }
  void writing_is_not(int number) {
    if (ends_[1] != number) return;
    const int other = ::fcntl(ends_[1], F_DUPFD_CLOEXEC, number + 1);
    ::close(ends_[1]);
    ends_[1] = other;
  }
  void close_writing() {
    if (ends_[1] >= 0) ::close(ends_[1]);
    ends_[1] = -1;
  }

 private:
  int ends_[2];
};

// The child leads a session of its own: no process of it can join a group that is not killed with it, but for
// groups that it makes.
void kill_all(pid_t pid) {
  ::kill(-pid, SIGKILL);
  ::kill(pid, SIGKILL);
}

// Not until the pipe closes: what the child started may hold it open. Nor for ever.
ChildEnd wait_for(pid_t pid, Pipe& pipe, double limit_s) {
  pipe.close_writing();
  const auto begin = std::chrono::steady_clock::now();
  ChildEnd end;
  bool lost = false;  // somebody else took its end, or nobody wants ends: its number may be another's by now
  for (bool ended = false; !ended;) {
    pollfd event{pipe.reading(), POLLIN, 0};
    if (::poll(&event, 1, 5) > 0 && (event.revents & POLLIN) == 0) ::usleep(1000);  // closed
    drain(pipe.reading(), end.record);
    siginfo_t info{};
    const int asked = ::waitid(P_PID, static_cast<id_t>(pid), &info, WEXITED | WNOHANG | WNOWAIT);
    lost = asked != 0 && errno != EINTR;
    ended = lost || (asked == 0 && info.si_pid == pid);
    end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ended || end.seconds <= limit_s) continue;
    kill_all(pid);
    end.killed = true;
    ended = end.seconds > limit_s + grace_s;
  }
  drain(pipe.reading(), end.record);
  if (!lost) kill_all(pid);  // processes that it left
  int status = 0;
  ::waitpid(pid, &status, WNOHANG);
  end.record = whole_record(std::move(end.record));
  end.ending = ending(status);
  end.good = !end.killed && WIFEXITED(status) && WEXITSTATUS(status) == 0;
  return end;
}

std::string random_word() {
  std::random_device device;
  return std::to_string(device()) + "-" + std::to_string(device()) + " ";
}

// In the copy. Its end must do nothing that this process's end does: what was registered with atexit() is the
// original's.
[[noreturn]] void be_copy(const std::function<std::string()>& work, int record, const std::string& word) noexcept {
  ::setsid();
#if defined(__linux__)
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGINT, SIGTERM, SIGHUP, SIGQUIT})
    ::signal(signal, SIG_DFL);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
  const int nothing = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2}) ::dup2(nothing, standard);
#if defined(__linux__)
  ::on_exit([](int status, void*) { ::_exit(status); }, nullptr);
#else
  std::atexit([] { ::_exit(0); });
#endif
  ::_exit(write_line(record, word + work()));
}

}  // namespace

ChildEnd run_child(const ChildProcess& child) {
  Pipe pipe;
  pipe.writing_is_not(record_fd);  // dup2 to itself would leave close-on-exec on
  return wait_for(start(child, pipe.writing()), pipe, child.limit_s);
}

ChildEnd run_copy(const std::function<std::string()>& work, double limit_s) {
  Pipe pipe;
  // So that a record is one of ours, and not what some code wrote to a descriptor that it found.
  const std::string word = random_word();
  const pid_t pid = ::fork();
  if (pid < 0) throw_run(error_id::process_failed, std::string("no process could be made: ") + std::strerror(errno));
  if (pid == 0) be_copy(work, pipe.writing(), word);
  ChildEnd end = wait_for(pid, pipe, limit_s);
  end.record = end.record.compare(0, word.size(), word) == 0 ? end.record.substr(word.size()) : std::string();
  return end;
}

void begin_child() {
  ::fcntl(record_fd, F_SETFD, FD_CLOEXEC);
  const rlimit none{0, 0};
  ::setrlimit(RLIMIT_CORE, &none);
}

int write_record(const std::string& line) { return write_line(record_fd, line); }

}  // namespace trainer
