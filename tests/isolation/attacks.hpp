// SPDX-License-Identifier: Apache-2.0
//
// What a plugin does to the process that it is in: how it ends, and how it spoils what is around it.
#pragma once

#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cfenv>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <stdexcept>
#include <string>
#include <thread>

namespace attacks {

[[noreturn]] inline void hang() {
  for (;;) ::pause();
}
inline void crash() { *reinterpret_cast<volatile int*>(8) = 1; }
inline int deeper(volatile char* last) {
  volatile char here[65536];
  here[0] = last ? *last : 0;
  return deeper(here) + here[0];
}
inline void limit(int what, rlim_t most) {
  const rlimit both{most, most};
  ::setrlimit(static_cast<__rlimit_resource>(what), &both);
}
inline void every_signal(void (*handler)(int)) {
  for (int number = 1; number < 64; ++number) ::signal(number, handler);
}
inline void block_signals() {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
}
inline char* own_page() {
  char here;
  return reinterpret_cast<char*>(reinterpret_cast<std::uintptr_t>(&here) & ~std::uintptr_t{4095});
}
inline void no_signal_stack() {
  const stack_t none{nullptr, SS_DISABLE, 0};
  ::sigaltstack(&none, nullptr);
}
/// The stream to the trainer, of which it knows the number: as long as it takes it, or for ever.
inline void flood_stream(bool for_ever) {
  static const char bytes[65536] = {'x'};
  while (::write(3, bytes, sizeof bytes) > 0 || for_ever) {
  }
}
/// What looks after its process.
inline void trace_parent() {
  if (::ptrace(PTRACE_SEIZE, ::getppid(), nullptr, nullptr) != 0) return;
  ::ptrace(PTRACE_INTERRUPT, ::getppid(), nullptr, nullptr);
  ::waitpid(::getppid(), nullptr, __WALL);
  hang();
}
inline void take_memory() {
  for (;;) std::memset(std::malloc(1 << 24), 1, 1 << 24);
}

using Act = void (*)();

/// The process ends, or does not go on.
inline const std::map<std::string, Act> ends = {
    {"exit", [] { std::exit(0); }},
    {"exit 3", [] { std::exit(3); }},
    {"_exit", [] { ::_exit(0); }},
    {"quick_exit", [] { std::quick_exit(0); }},
    {"system call", [] { ::syscall(SYS_exit_group, 0); }},
    {"abort", [] { std::abort(); }},
    {"segfault", crash},
    {"overflow", [] { deeper(nullptr); }},
    {"illegal", [] { __builtin_trap(); }},
    {"kill", [] { ::kill(::getpid(), SIGKILL); }},
    {"kill group", [] { ::kill(0, SIGKILL); }},
    {"terminate", [] { ::raise(SIGTERM); }},
    {"alarm",
     [] {
       const itimerval soon{{0, 0}, {0, 1000}};
       ::setitimer(ITIMER_REAL, &soon, nullptr);
       hang();
     }},
    {"exec", [] { ::execlp("true", "true", nullptr); }},
    {"thread exits", [] { std::thread([] { ::_exit(0); }).join(); }},
    {"thread crashes", [] { std::thread(crash).join(); }},
    {"thread throws", [] { std::thread([] { throw 5; }).join(); }},
    {"ends its thread", [] { ::pthread_exit(nullptr); }},
    {"hang", hang},
    {"spin",
     [] {
       for (volatile bool on = true; on;) {
       }
     }},
    {"stop", [] { ::raise(SIGSTOP); }},
    {"crash unhandled", [] { ::signal(SIGSEGV, SIG_IGN), crash(); }},
    {"crash blocked", [] { block_signals(), crash(); }},
    {"crash without stack", [] { no_signal_stack(), crash(); }},
    {"joins and hangs", [] { ::setpgid(0, ::getpgid(::getppid())), hang(); }},
    {"breaks the stream",
     [] {
       if (::write(3, "loaded\n", 7) == 7) hang();
     }},
    {"floods the stream", [] { flood_stream(true); }},
    {"kills its parent", [] { ::kill(::getppid(), SIGKILL), hang(); }},
    {"strict", [] { ::prctl(PR_SET_SECCOMP, 1); }},
    {"closes all and exits", [] { ::syscall(SYS_close_range, 0u, ~0u, 0u), ::_exit(0); }},
};

/// Nothing that it says of itself, and yet the training goes on as it was; the process may or may not.
inline const std::map<std::string, Act> deeds = {
    {"nothing", [] {}},
    {"closes its streams", [] { ::close(0), ::close(1), ::close(2); }},
    {"closes every descriptor", [] { ::syscall(SYS_close_range, 0u, ~0u, 0u); }},
    {"no descriptors", [] { limit(RLIMIT_NOFILE, 0); }},
    {"no files", [] { limit(RLIMIT_FSIZE, 0); }},
    {"no memory", [] { limit(RLIMIT_AS, 1 << 20), take_memory(); }},
    {"ignores signals", [] { every_signal(SIG_IGN); }},
    {"blocks signals", block_signals},
    {"rounds up", [] { std::fesetround(FE_UPWARD); }},
    {"another locale", [] { ::setlocale(LC_ALL, "de_DE.UTF-8"); }},
    {"another directory",
     [] {
       if (::chdir("/") != 0) crash();
     }},
    {"another mask", [] { ::umask(0777); }},
    {"no environment", [] { ::clearenv(); }},
    {"another environment", [] { ::setenv("OMP_NUM_THREADS", "64", 1), ::setenv("LD_PRELOAD", "/nowhere", 1); }},
    {"forks",
     [] {
       if (::fork() == 0) hang();
     }},
    {"forks and returns", [] { [[maybe_unused]] const int child = ::fork(); }},
    {"many forks",
     [] {
       for (int i = 0; i < 4; ++i) [[maybe_unused]]
         const int child = ::fork();
     }},
    {"daemon",
     [] {
       if (::fork() == 0) ::setsid(), ::execlp("sleep", "sleep", "77777", nullptr);
     }},
    {"another group", [] { ::setpgid(0, 0); }},
    {"becomes a daemon", [] { [[maybe_unused]] const int failed = ::daemon(1, 1); }},
    {"forks and shares the stack", [] { [[maybe_unused]] const int child = ::vfork(); }},
    {"null environment", [] { environ = nullptr; }},
    {"fills the stream", [] { flood_stream(false); }},
    {"stops its parent", [] { ::kill(::getppid(), SIGSTOP); }},
    {"traces its parent", trace_parent},
    {"closes stdout", [] { std::fclose(stdout); }},
    {"lines without end",
     [] {
       std::thread([] {
         for (;;) std::fputs("flood\n", stderr);
       }).detach();
     }},
    {"long line", [] { std::fputs(std::string(1 << 22, 'x').c_str(), stdout), std::fflush(stdout); }},
    {"control characters", [] { std::fputs("a\rb\x1b[2J\x07\nerror: forged [x.y]\n", stdout), std::fflush(stdout); }},
    {"busy thread",
     [] {
       std::thread([] {
         for (volatile bool on = true; on;) ::usleep(10);
       }).detach();
     }},
    {"crashes at exit", [] { std::atexit(crash); }},
    {"hangs at exit", [] { std::atexit([] { hang(); }); }},
    {"throws", [] { throw std::runtime_error("thrown by the plugin"); }},
    {"throws 5", [] { throw 5; }},
    {"lower priority", [] { ::setpriority(PRIO_PROCESS, 0, 19); }},
    {"no stack", [] { ::mprotect(own_page() - 65536 * 2, 65536 * 4, PROT_NONE); }},
    {"no dump", [] { ::prctl(PR_SET_DUMPABLE, 0); }},
};

}  // namespace attacks
