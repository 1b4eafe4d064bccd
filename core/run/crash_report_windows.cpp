// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cwchar>

#include "run/crash_writing.hpp"
#include "trainer/crash_report.hpp"

namespace trainer::crash_report {
namespace {

wchar_t file[4096];  // path of crash.json; empty: none

LONG WINAPI handle_exception(EXCEPTION_POINTERS* pointers) {
  if (const Moment* now = call_under_way()) {
    Line how;
    how.text("exception ").hexadecimal(pointers->ExceptionRecord->ExceptionCode);
    report(*now, how.view(), error_id::callback_crashed);
    // As the process would have ended, but for what else the system does then, for which there may be no stack.
    ::TerminateProcess(::GetCurrentProcess(), pointers->ExceptionRecord->ExceptionCode);
  }
  return EXCEPTION_CONTINUE_SEARCH;
}

// abort() of the program's own C library. A plugin has its own, whose abort() ends the process by exit() with status 3
// or by an exception.
extern "C" void handle_abort(int) {
  if (const Moment* now = call_under_way()) report(*now, "abort()", error_id::callback_crashed);
  ::TerminateProcess(::GetCurrentProcess(), 3);
}

// The system calls it on the thread that ends the process, by whatever C library or by none: atexit() alone sees the
// program's own.
void NTAPI handle_last_data(void*) { handle_end(); }

}  // namespace

void write_on_stderr(std::string_view text) noexcept { windows::write_all(::GetStdHandle(STD_ERROR_HANDLE), text); }

bool keep_record_path(const std::filesystem::path& given) {
  const std::wstring& path = given.native();
  if (path.size() >= sizeof file / sizeof *file) return false;
  std::wmemcpy(file, path.c_str(), path.size() + 1);
  return true;
}

void write_record_file(std::string_view text) noexcept {
  if (!file[0]) return;
  const HANDLE out = ::CreateFileW(file, GENERIC_WRITE, 0, nullptr, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr);
  if (out == INVALID_HANDLE_VALUE) return;
  windows::write_all(out, text);
  ::CloseHandle(out);
}

void install() {
  begin_reports();
  ULONG reserve = 64 * 1024;  // a plugin may have used up the stack
  ::SetThreadStackGuarantee(&reserve);
  ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
  ::SetUnhandledExceptionFilter(handle_exception);
  std::signal(SIGABRT, handle_abort);
  static const int registered = std::atexit(handle_end);
  (void)registered;
  static const DWORD slot = ::FlsAlloc(handle_last_data);
  ::FlsSetValue(slot, file);  // what is not null is given to it
}

void end_process(int status) {
  std::fflush(stdout);
  end_reports();
  ::TerminateProcess(::GetCurrentProcess(), static_cast<UINT>(status));
  std::abort();  // not reached
}

}  // namespace trainer::crash_report
