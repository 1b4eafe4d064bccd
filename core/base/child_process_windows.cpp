// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>
#include <utility>

#include "base/child_process.hpp"
#include "base/child_process_parts.hpp"
#include "child/start_windows.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using windows::Handle;

constexpr const wchar_t* record_variable = L"TRAINER_RECORD_HANDLE";
HANDLE record_handle = INVALID_HANDLE_VALUE;

[[noreturn]] void fail(const std::string& what) {
  throw_run(error_id::process_failed, what + ": " + windows::last_message());
}

// All variables and the one that says which handle takes the record.
std::vector<std::string> variables_of(const ChildProcess& child, HANDLE record) {
  std::vector<std::string> variables;
  if (child.environment)
    variables = *child.environment;
  else
    for (const auto& entry : windows::environment()) variables.push_back(windows::narrow(entry));
  variables.push_back(windows::narrow(record_variable) + "=" +
                      std::to_string(reinterpret_cast<std::uintptr_t>(record)));
  return variables;
}

child::windows::Child start(const ChildProcess& child, HANDLE record) {
  const std::filesystem::path printed = child.printed.empty() ? std::filesystem::path(L"NUL") : child.printed;
  const Handle output(::CreateFileW(printed.c_str(), FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                    nullptr, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!output) fail(printed.string() + " could not be opened");
  try {
    return child::windows::start(windows::wide(child.command[0]), child.command, variables_of(child, record),
                                 {output.get(), true, child.directory, record});
  } catch (const std::system_error& e) {
    throw_run(error_id::process_failed,
              child.command[0] + " could not be started: " + windows::message(static_cast<DWORD>(e.code().value())));
  }
}

// What comes from the pipe without waiting; both ends may be gone.
void drain(HANDLE pipe, std::string& text) {
  for (DWORD ready = 0;
       text.size() < longest_record && ::PeekNamedPipe(pipe, nullptr, 0, nullptr, &ready, nullptr) && ready > 0;) {
    char piece[4096];
    DWORD n = 0;
    if (!::ReadFile(pipe, piece, std::min<DWORD>(ready, sizeof piece), &n, nullptr)) return;
    text.append(piece, n);
  }
}

}  // namespace

ChildEnd run_child(const ChildProcess& child) {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  HANDLE ends[2];
  if (!::CreatePipe(&ends[0], &ends[1], &inherited, 1 << 16)) fail("no pipe could be made");
  Handle reading(ends[0]), writing(ends[1]);
  ::SetHandleInformation(reading.get(), HANDLE_FLAG_INHERIT, 0);
  const auto begin = std::chrono::steady_clock::now();
  const child::windows::Child started = start(child, writing.get());
  writing.close();

  ChildEnd end;
  // Not until the pipe closes: what the child started may hold it open. Nor for ever.
  for (bool ended = false; !ended;) {
    ended = ::WaitForSingleObject(started.process.get(), 2) == WAIT_OBJECT_0;
    drain(reading.get(), end.record);
    end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ended || end.seconds <= child.limit_s) continue;
    started.kill();
    ::TerminateProcess(started.process.get(), 1);
    end.killed = true;
    ended = end.seconds > child.limit_s + grace_s;
  }
  drain(reading.get(), end.record);
  DWORD status = 1;
  ::GetExitCodeProcess(started.process.get(), &status);
  started.kill();  // processes that it left
  end.record = whole_record(std::move(end.record));
  end.ending = child::windows::ending_of(status);
  end.good = !end.killed && status == 0;
  return end;
}

void begin_child() {
  const auto number = windows::variable(record_variable);
  if (!number.empty()) record_handle = reinterpret_cast<HANDLE>(std::strtoull(number.c_str(), nullptr, 10));
  ::SetEnvironmentVariableW(record_variable, nullptr);
  ::SetHandleInformation(record_handle, HANDLE_FLAG_INHERIT, 0);
  // No window asks about a crash or a library that is missing.
  ::SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
#if defined(_MSC_VER)
  ::_set_abort_behavior(0, _WRITE_ABORT_MSG | _CALL_REPORTFAULT);
#endif
}

int write_record(const std::string& line) { return windows::write_all(record_handle, line + "\n") ? 0 : 1; }

}  // namespace trainer
