// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <tlhelp32.h>
#include <xmmintrin.h>

#include <csignal>

#include "validator/effects.hpp"

namespace trainer::validator {
namespace {

std::string number(std::uintptr_t n) { return std::to_string(n); }

}  // namespace

void add_surroundings(Surroundings& out) {
  for (const int signal : {SIGINT, SIGILL, SIGFPE, SIGSEGV, SIGTERM, SIGABRT}) {
    const auto handler = std::signal(signal, SIG_DFL);  // there is no call that only asks
    std::signal(signal, handler);
    out["the handler of signal " + std::to_string(signal)] = number(reinterpret_cast<std::uintptr_t>(handler));
  }
  const auto filter = ::SetUnhandledExceptionFilter(nullptr);
  ::SetUnhandledExceptionFilter(filter);
  out["the filter of unhandled exceptions"] = number(reinterpret_cast<std::uintptr_t>(filter));
  out["the error mode"] = number(::GetErrorMode());
#if defined(__x86_64__) || defined(_M_X64)
  out["the floating-point control"] = number(::_mm_getcsr() & ~0x3Fu);  // without the sticky flags
#endif
  out["the console's code page"] = number(::GetConsoleOutputCP());
  std::wstring directory(32768, L'\0');
  directory.resize(::GetDllDirectoryW(static_cast<DWORD>(directory.size()), directory.data()));
  out["the directory of libraries"] = windows::narrow(directory);
  for (const std::wstring& entry : windows::environment()) {
    const auto text = windows::narrow(entry);
    const auto equals = text.find('=', 1);  // "=C:" is the directory of a drive
    out["the environment variable " + text.substr(0, equals)] = text.substr(equals + 1);
  }
}

int thread_count() {
  const windows::Handle snapshot(::CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0));
  THREADENTRY32 entry{};
  entry.dwSize = sizeof entry;
  int count = 0;
  for (BOOL more = ::Thread32First(snapshot.get(), &entry); more; more = ::Thread32Next(snapshot.get(), &entry))
    if (entry.th32OwnerProcessID == ::GetCurrentProcessId()) ++count;
  return count;
}

}  // namespace trainer::validator
