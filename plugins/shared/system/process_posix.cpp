// SPDX-License-Identifier: Apache-2.0
//
// Child processes by posix_spawn().
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <sstream>
#include <thread>

#include "shared/system/environment.hpp"
#include "shared/system/process.hpp"

namespace trainer::plugins {
namespace {

using Clock = std::chrono::steady_clock;
using Deadline = std::chrono::time_point<Clock, std::chrono::duration<double>>;
constexpr std::size_t kept_output = 4096;

/// A child to be: its files, its place among processes, and no signal that this thread blocks.
class Child {
 public:
  explicit Child(short place) {
    ::posix_spawn_file_actions_init(&files_);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawn_file_actions_addopen(&files_, 0, "/dev/null", O_RDONLY, 0);
    // The host may ignore these two, which would go on to the child.
    sigset_t none, usual;
    sigemptyset(&none), sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE), sigaddset(&usual, SIGXFSZ);
    ::posix_spawnattr_setsigdefault(&attributes_, &usual);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setflags(&attributes_,
                               static_cast<short>(place | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
  }
  ~Child() {
    ::posix_spawn_file_actions_destroy(&files_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void output_to(int fd) {
    for (const int stream : {1, 2}) ::posix_spawn_file_actions_adddup2(&files_, fd, stream);
  }
  void output_to(const std::filesystem::path& log) {
    ::posix_spawn_file_actions_addopen(&files_, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::posix_spawn_file_actions_adddup2(&files_, 1, 2);
  }

  /// Its number, or 0 when it could not be started. A name without a slash is one of PATH.
  pid_t start(const std::vector<std::string>& command, const std::map<std::string, std::string>& changed = {}) {
    std::vector<char*> arguments;
    for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::vector<std::string> lines;
    for (const auto& [name, value] : environment(changed)) lines.push_back(name + "=" + value);
    std::vector<char*> variables;
    for (const std::string& line : lines) variables.push_back(const_cast<char*>(line.c_str()));
    variables.push_back(nullptr);
    pid_t child = 0;
    const int code = ::posix_spawnp(&child, arguments[0], &files_, &attributes_, arguments.data(), variables.data());
    return code == 0 ? child : 0;
  }

 private:
  posix_spawn_file_actions_t files_;
  posix_spawnattr_t attributes_;
};

/// Reads until the end of the pipe or the deadline; true at the end.
bool drain(int fd, Clock::time_point deadline, std::string& output) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (left.count() <= 0) return false;
    pollfd waiting{fd, POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    char piece[1024];
    const ssize_t n = ::read(fd, piece, sizeof piece);
    if (n == 0 || (n < 0 && errno != EINTR)) return true;
    if (n > 0) output.append(piece, static_cast<std::size_t>(n));
    if (output.size() > 2 * kept_output) output.erase(0, output.size() - kept_output);
  }
}

enum class Ended { yes, no, unknown };

/// Whether the child ended before the deadline, and its status; unknown when somebody else waited for it.
Ended wait_until(pid_t child, Deadline deadline, std::chrono::milliseconds nap, int& status) {
  for (;;) {
    const pid_t done = ::waitpid(child, &status, WNOHANG);
    if (done == child) return Ended::yes;
    if (done < 0 && errno != EINTR) return Ended::unknown;
    if (Clock::now() >= deadline) return Ended::no;
    std::this_thread::sleep_for(nap);
  }
}

}  // namespace

std::int64_t process_id() { return ::getpid(); }

void block_signals_of_this_thread() {
  sigset_t all;
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

std::filesystem::path find_program(const std::string& name) {
  std::istringstream path(variable("PATH"));
  for (std::string directory; std::getline(path, directory, ':');) {
    const std::filesystem::path file = std::filesystem::path(directory) / name;
    if (!directory.empty() && ::access(file.c_str(), X_OK) == 0 && std::filesystem::is_regular_file(file)) return file;
  }
  return {};
}

Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit) {
  Finished result;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return result;
  Child child(POSIX_SPAWN_SETPGROUP);  // a group of its own, so that its children can be ended with it
  child.output_to(ends[1]);
  const pid_t number = child.start(command);
  ::close(ends[1]);
  result.found = number != 0;
  if (result.found) {
    const auto deadline = Clock::now() + limit;
    int status = 0;
    if (!drain(ends[0], deadline, result.output) ||
        wait_until(number, deadline, std::chrono::milliseconds(2), status) == Ended::no) {
      result.timed_out = true;
      ::kill(-number, SIGKILL);
      ::waitpid(number, &status, 0);
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  ::close(ends[0]);
  return result;
}

int start_program(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                  std::chrono::duration<double> limit, const std::map<std::string, std::string>& changed) {
  Child child(POSIX_SPAWN_SETSID);  // Ctrl-C in the terminal ends the run, not this
  child.output_to(log);
  const pid_t number = child.start(arguments, changed);
  if (number == 0) return -2;
  const Deadline deadline = Clock::now() + limit;
  int status = 0;
  if (wait_until(number, deadline, std::chrono::milliseconds(50), status) != Ended::yes) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace trainer::plugins
