// SPDX-License-Identifier: Apache-2.0
#include "system.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "trainer/sdk/file.hpp"

extern char** environ;

namespace trainer::dvclive {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kept_output = 4096;

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

/// The exit status, or false when the deadline came first.
bool wait_until(pid_t child, Clock::time_point deadline, int& status) {
  for (;;) {
    const pid_t done = ::waitpid(child, &status, WNOHANG);
    if (done == child || (done < 0 && errno != EINTR)) return true;
    if (Clock::now() >= deadline) return false;
    ::usleep(2000);
  }
}

}  // namespace

std::int64_t process_id() { return ::getpid(); }

std::filesystem::path make_temporary_directory() {
  std::string name = (std::filesystem::temp_directory_path() / "dvclive-XXXXXX").string();
  if (::mkdtemp(name.data()) == nullptr) sdk::posix::fail(name, "could not be made", errno);
  return name;
}

void replace_quickly(const std::filesystem::path& path, std::string_view bytes) {
  const std::string temporary = path.string() + ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) sdk::posix::fail(temporary, "could not be opened for writing", errno);
  int code = 0;
  sdk::posix::write(fd, bytes, code);
  if (::close(fd) != 0 && code == 0) code = errno;
  if (code == 0 && ::rename(temporary.c_str(), path.c_str()) == 0) return;
  if (code == 0) code = errno;
  ::unlink(temporary.c_str());
  sdk::posix::fail(path, "could not be replaced (it is as it was)", code);
}

Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit) {
  Finished result;
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return result;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 1);
  posix_spawn_file_actions_adddup2(&actions, ends[1], 2);
  // A group of its own, so that its children can be ended with it.
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  pid_t child = 0;
  const int code = ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  ::close(ends[1]);
  result.found = code == 0;
  if (result.found) {
    const auto deadline = Clock::now() + limit;
    int status = 0;
    if (!drain(ends[0], deadline, result.output) || !wait_until(child, deadline, status)) {
      result.timed_out = true;
      ::kill(-child, SIGKILL);
      ::waitpid(child, &status, 0);
    }
    result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }
  ::close(ends[0]);
  return result;
}

}  // namespace trainer::dvclive
