// SPDX-License-Identifier: Apache-2.0
#include "validator/effects.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <filesystem>

extern char** environ;

namespace trainer::validator {
namespace {

std::string number(std::uintptr_t n) { return std::to_string(n); }

}  // namespace

void add_surroundings(Surroundings& out) {
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction action {};
    if (::sigaction(signal, nullptr, &action) == 0)
      out["the handler of signal " + std::to_string(signal)] =
          number(reinterpret_cast<std::uintptr_t>(action.sa_handler));
  }
  sigset_t mask;
  ::sigprocmask(SIG_BLOCK, nullptr, &mask);
  std::string blocked;
  for (int signal = 1; signal < NSIG; ++signal)
    if (::sigismember(&mask, signal) == 1) blocked += " " + std::to_string(signal);
  out["the set of blocked signals"] = blocked;
  std::error_code ignored;
  const mode_t mode = ::umask(0);
  ::umask(mode);
  out["the umask"] = number(mode);
#if defined(__x86_64__)
  unsigned control = 0;
  asm volatile("stmxcsr %0" : "=m"(control));
  out["the floating-point control"] = number(control & ~0x3Fu);  // without the sticky flags
#endif
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string text = *entry;
    const auto equals = text.find('=');
    out["the environment variable " + text.substr(0, equals)] = text.substr(equals + 1);
  }
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd", ignored)) {
    const auto target = std::filesystem::read_symlink(entry.path(), ignored);
    // The list itself is a descriptor while it is read, and the plugin's copy is the host's.
    const std::string text = target.string();
    const bool copy = text.rfind("/memfd:", 0) == 0 && text.find(".so (deleted)") != std::string::npos;
    if (!ignored && !copy && text.find("/fd") == std::string::npos)
      out["the file descriptor " + entry.path().filename().string()] = target.string();
  }
}

int thread_count() {
  std::error_code ignored;
  int count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/task", ignored)) ++count;
  return count;
}

}  // namespace trainer::validator
