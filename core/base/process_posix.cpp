// SPDX-License-Identifier: Apache-2.0
#include "base/process.hpp"

#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <ctime>

extern char** environ;

namespace trainer {

std::int64_t process_id() { return ::getpid(); }

bool process_is_alive(std::int64_t pid) { return ::kill(static_cast<pid_t>(pid), 0) == 0 || errno == EPERM; }

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "";
}

void set_variable(const char* name, const char* value, bool keep) { ::setenv(name, value, keep ? 0 : 1); }

std::vector<std::string> environment_variables() {
  std::vector<std::string> out;
  for (char** entry = environ; entry && *entry; ++entry) out.emplace_back(*entry);
  return out;
}

std::string home_directory() {
  const char* home = std::getenv("HOME");
  return home ? home : "";
}

std::string utc_now(const char* format) {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  char text[64] = {};
  if (::gmtime_r(&now, &parts)) std::strftime(text, sizeof text, format, &parts);
  return text;
}

WithoutSignals::WithoutSignals() : before_(new sigset_t) {
  sigset_t all;
  ::sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, static_cast<sigset_t*>(before_));
}

WithoutSignals::~WithoutSignals() {
  auto* before = static_cast<sigset_t*>(before_);
  ::pthread_sigmask(SIG_SETMASK, before, nullptr);
  delete before;
}

}  // namespace trainer
