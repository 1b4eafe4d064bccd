// SPDX-License-Identifier: Apache-2.0
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "border/plugin_call.hpp"
#include "run/crash_writing.hpp"
#include "run/moments_file.hpp"
#include "trainer/crash_report.hpp"

namespace trainer::crash_report {
namespace {

char file[4096];  // path of crash.json; empty: none

void write_all(int descriptor, std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t n = ::write(descriptor, text.data(), text.size());
    if (n <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(n));
  }
}

extern "C" void handle_crash(int signal, siginfo_t* info, void*) {
  if (signal == SIGBUS && moments_file::mend(info->si_addr)) return;
  if (const Moment* now = call_under_way()) {
    Line how;
    how.text("signal ").number(signal);
    report(*now, how.view(), error_id::callback_crashed);
  }
  // This one, or the fault that comes again, has its default effect.
  ::signal(signal, SIG_DFL);
  ::raise(signal);
}

}  // namespace

void write_on_stderr(std::string_view text) noexcept { write_all(STDERR_FILENO, text); }

bool keep_record_path(const std::filesystem::path& given) {
  const std::string path = given.string();
  if (path.size() >= sizeof file) return false;
  std::memcpy(file, path.c_str(), path.size() + 1);
  return true;
}

void write_record_file(std::string_view text) noexcept {
  const int out = file[0] ? ::open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644) : -1;
  if (out < 0) return;
  write_all(out, text);
  ::close(out);
}

void install() {
  begin_reports();
  alignas(16) static char stack[64 * 1024];  // a plugin may have used up the other one
  stack_t given{};
  given.ss_sp = stack, given.ss_size = sizeof stack;
  ::sigaltstack(&given, nullptr);
  // The last three are timers that nothing but code of this process can have set.
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP, SIGALRM, SIGVTALRM, SIGPROF}) {
    struct sigaction action {};
    action.sa_sigaction = handle_crash;
    action.sa_flags = SA_ONSTACK | SA_SIGINFO;
    ::sigaction(signal, &action, nullptr);
  }
  static const int registered = std::atexit(handle_end) + std::at_quick_exit(handle_end);
  (void)registered;
}

void end_process(int status) {
  std::fflush(stdout);
  end_reports();  // for what stands in for _exit()
  ::_exit(status);
}

void seen_foreign_exit(std::string_view function, int status, const void* caller) {
  // OpenMP's runtime ends the process where it can make no thread, whoever computes; its own line names no remedy.
  Dl_info info{};
  if (status != 0 && ::dladdr(caller, &info) != 0 && info.dli_fname && std::strstr(info.dli_fname, "libgomp")) {
    Line line;
    line.text("\nerror: a thread that computes could not be started; give the process more memory or threads, or set ");
    line.text("OMP_NUM_THREADS to fewer [").text(error_id::memory_exhausted.text).text("]\n");
    return write_on_stderr(line.view());
  }
  seen_exit(function);
  const std::string plugins = plugins_made();
  if (!reports_are_ours() || plugins.empty()) return;
  Line how;
  const int ends_with = status == 0 ? exit_in_callback : status;
  how.text("something called ").text(function).text(", status ").number(ends_with);
  report(plugins, "no call, perhaps on a thread of its own,", -1, how.view(), error_id::callback_exited);
  end_process(ends_with);
}

}  // namespace trainer::crash_report
