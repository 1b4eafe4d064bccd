// SPDX-License-Identifier: Apache-2.0
#include "isolation/confinement.hpp"

#include <fcntl.h>
#include <net/if.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#endif

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "isolation/keeper.hpp"

namespace trainer::isolation {
namespace {

constexpr rlim_t last_seconds = 5;  // between the signal that says so and the end

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool has_shadow_memory = true;  // which is larger than any limit
#else
constexpr bool has_shadow_memory = false;
#endif

std::string system_text() { return std::strerror(errno); }

bool lower(decltype(RLIMIT_CPU) which, rlim_t soft, rlim_t hard) {
  rlimit limit{};
  if (::getrlimit(which, &limit) != 0) return false;
  if (limit.rlim_max != RLIM_INFINITY) soft = std::min(soft, limit.rlim_max), hard = std::min(hard, limit.rlim_max);
  limit = {soft, hard};
  return ::setrlimit(which, &limit) == 0;
}

// A fence far outside of what the keeper allows, for processes that are made faster than it counts. All that the user
// has count for it, so that it stands behind all that there are now; it does not hold for root.
void fence_processes(std::uint64_t most) {
  double load[3];
  unsigned long running = 0, all = 0;
  std::FILE* file = std::fopen("/proc/loadavg", "re");
  if (!file) return;
  const int read = std::fscanf(file, "%lf %lf %lf %lu/%lu", &load[0], &load[1], &load[2], &running, &all);
  std::fclose(file);
  if (read == 5) lower(RLIMIT_NPROC, all + 2 * most + 64, all + 2 * most + 64);
}

#if defined(__linux__)

void write_file(const char* path, const std::string& text) {
  const int file = ::open(path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return;
  [[maybe_unused]] const ssize_t n = ::write(file, text.data(), text.size());
  ::close(file);
}

// The user stays who he is.
bool enter_user_namespace(int also) {
  const std::string user = std::to_string(::geteuid()), group = std::to_string(::getegid());
  if (::unshare(CLONE_NEWUSER | also) != 0) return false;
  write_file("/proc/self/setgroups", "deny");
  write_file("/proc/self/uid_map", user + " " + user + " 1");
  write_file("/proc/self/gid_map", group + " " + group + " 1");
  return true;
}

bool leave_network() {
  if (::unshare(CLONE_NEWNET) != 0 && !enter_user_namespace(CLONE_NEWNET)) return false;
  // What its own processes say to each other on 127.0.0.1 stays possible.
  const int any = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq loopback{};
  std::memcpy(loopback.ifr_name, "lo", 3);
  loopback.ifr_flags = IFF_UP;
  if (any >= 0) {
    ::ioctl(any, SIOCSIFFLAGS, &loopback);
    ::close(any);
  }
  return true;
}

#else

bool leave_network() {
  errno = ENOSYS;
  return false;
}

#endif

}  // namespace

std::vector<std::string> confine(const ServerOptions& options) {
#if defined(__linux__)
  ::syscall(SYS_close_range, 4u, ~0u, 0u);  // what the trainer had open
#endif
  leave_keeper(options.processes);
  if (options.processes) fence_processes(*options.processes);
  std::vector<std::string> missing;
  if (options.no_network && !leave_network())
    missing.push_back("the network cannot be taken from a plugin here (" + system_text() + "), so it has it");
  if (options.cpu_seconds > 0 && !lower(RLIMIT_CPU, options.cpu_seconds, options.cpu_seconds + last_seconds))
    missing.push_back("the processor time of a plugin cannot be limited here: " + system_text());
  if (options.memory > 0 && (has_shadow_memory || !lower(RLIMIT_DATA, options.memory, options.memory)))
    missing.push_back("the memory of a plugin cannot be limited here: " +
                      (has_shadow_memory ? std::string("a sanitizer needs more") : system_text()));
  return missing;
}

void let_nobody_read() { ::signal(SIGPIPE, SIG_IGN); }

void end_everything() { ::_exit(1); }

}  // namespace trainer::isolation
