// SPDX-License-Identifier: Apache-2.0
//
// What libraries get that call exit() and its like in this program: a plugin must not end a run in silence. The end
// of main() does not come here, nor does what libc calls within itself.
#include <dlfcn.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "trainer/crash_report.hpp"

namespace {

// libc's own.
template <typename F>
F* next(const char* name) {
  return reinterpret_cast<F*>(::dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" {

[[noreturn]] void _exit(int status) {
  trainer::crash_report::seen_foreign_exit("_exit()", status, __builtin_return_address(0));
  ::syscall(SYS_exit_group, status);
  __builtin_trap();
}

[[noreturn]] void _Exit(int status) noexcept {
  trainer::crash_report::seen_foreign_exit("_Exit()", status, __builtin_return_address(0));
  ::syscall(SYS_exit_group, status);
  __builtin_trap();
}

[[noreturn]] void exit(int status) noexcept {
  trainer::crash_report::seen_foreign_exit("exit()", status, __builtin_return_address(0));
  next<void(int)>("exit")(status);
  __builtin_trap();
}

[[noreturn]] void quick_exit(int status) noexcept {
  trainer::crash_report::seen_foreign_exit("quick_exit()", status, __builtin_return_address(0));
  next<void(int)>("quick_exit")(status);
  __builtin_trap();
}

}  // extern "C"
