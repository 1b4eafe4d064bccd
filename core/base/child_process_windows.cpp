// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <utility>

#include "base/child_process.hpp"
#include "base/child_process_parts.hpp"
#include "trainer/error.hpp"

namespace trainer {
namespace {

using windows::Handle;

constexpr const wchar_t* record_variable = L"TRAINER_RECORD_HANDLE";
HANDLE record_handle = INVALID_HANDLE_VALUE;

[[noreturn]] void fail(const std::string& what) {
  throw_run(error_id::process_failed, what + ": " + windows::last_message());
}

// As CommandLineToArgvW takes it apart again.
std::wstring quoted(const std::wstring& word) {
  if (!word.empty() && word.find_first_of(L" \t\n\v\"") == word.npos) return word;
  std::wstring out = L"\"";
  std::size_t backslashes = 0;
  for (const wchar_t c : word) {
    if (c == L'\\') {
      ++backslashes;
      continue;
    }
    out.append(c == L'"' ? 2 * backslashes + 1 : backslashes, L'\\');
    backslashes = 0;
    out += c;
  }
  return out.append(2 * backslashes, L'\\') + L"\"";
}

std::wstring command_line(const std::vector<std::string>& words) {
  std::wstring line;
  for (const auto& word : words) line += (line.empty() ? L"" : L" ") + quoted(windows::wide(word));
  return line;
}

// The variables one after the other, each with its final zero, sorted by name as the system wants them.
std::wstring block_of(const ChildProcess& child, HANDLE record) {
  std::vector<std::wstring> entries;
  if (child.environment)
    for (const auto& entry : *child.environment) entries.push_back(windows::wide(entry));
  else
    entries = windows::environment();
  entries.push_back(std::wstring(record_variable) + L"=" + std::to_wstring(reinterpret_cast<std::uintptr_t>(record)));
  std::sort(entries.begin(), entries.end(),
            [](const auto& a, const auto& b) { return ::_wcsicmp(a.c_str(), b.c_str()) < 0; });
  std::wstring block;
  for (const auto& entry : entries) block.append(entry).push_back(L'\0');
  return block + L'\0';
}

std::string ending_of(DWORD status) {
  static constexpr std::pair<DWORD, const char*> names[] = {{0xC0000005, "access violation"},
                                                            {0xC0000006, "a page could not be read"},
                                                            {0xC000001D, "illegal instruction"},
                                                            {0xC0000094, "integer division by zero"},
                                                            {0xC00000FD, "stack overflow"},
                                                            {0xC0000135, "a library is missing"},
                                                            {0xC0000139, "a function is missing"},
                                                            {0xC0000142, "a library did not start"},
                                                            {0xC0000374, "heap corruption"},
                                                            {0xC0000409, "abort or buffer overrun"},
                                                            {0x80000003, "breakpoint"},
                                                            {0xE06D7363, "C++ exception"},
                                                            {0x20474343, "C++ exception"}};
  for (const auto& [number, name] : names) {
    if (status != number) continue;
    char text[64];
    std::snprintf(text, sizeof text, "exception 0x%08lX (%s)", status, name);
    return text;
  }
  return "exit status " + std::to_string(status);
}

// Everything that the child starts is in its job, and goes with it.
Handle make_job() {
  Handle job(::CreateJobObjectW(nullptr, nullptr));
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags =
      JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION;
  if (!job || !::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof limits))
    fail("no job could be made");
  return job;
}

// The handles that a child gets, and no other.
class GivenHandles {
 public:
  explicit GivenHandles(std::vector<HANDLE> handles) : handles_(std::move(handles)) {
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    memory_ = std::make_unique<char[]>(size);
    if (!::InitializeProcThreadAttributeList(list(), 1, 0, &size)) fail("the child's handles could not be listed");
    if (!::UpdateProcThreadAttribute(list(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles_.data(),
                                     handles_.size() * sizeof(HANDLE), nullptr, nullptr))
      fail("the child's handles could not be listed");
  }
  ~GivenHandles() { ::DeleteProcThreadAttributeList(list()); }
  GivenHandles(const GivenHandles&) = delete;
  LPPROC_THREAD_ATTRIBUTE_LIST list() { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.get()); }

 private:
  std::vector<HANDLE> handles_;
  std::unique_ptr<char[]> memory_;
};

// Suspended, so that it is in its job before it can start anything.
Handle start(const ChildProcess& child, HANDLE record, HANDLE job) {
  SECURITY_ATTRIBUTES inherited{sizeof inherited, nullptr, TRUE};
  const std::filesystem::path printed = child.printed.empty() ? std::filesystem::path(L"NUL") : child.printed;
  const Handle nothing(
      ::CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited, OPEN_EXISTING, 0, nullptr));
  const Handle output(::CreateFileW(printed.c_str(), FILE_APPEND_DATA | SYNCHRONIZE, FILE_SHARE_READ | FILE_SHARE_WRITE,
                                    &inherited, OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!nothing || !output) fail(printed.string() + " could not be opened");
  GivenHandles given({record, nothing.get(), output.get()});
  STARTUPINFOEXW info{};
  info.StartupInfo.cb = sizeof info;
  info.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  info.StartupInfo.hStdInput = nothing.get();
  info.StartupInfo.hStdOutput = info.StartupInfo.hStdError = output.get();
  info.lpAttributeList = given.list();
  std::wstring line = command_line(child.command), block = block_of(child, record);
  PROCESS_INFORMATION started{};
  if (!::CreateProcessW(windows::wide(child.command[0]).c_str(), line.data(), nullptr, nullptr, TRUE,
                        CREATE_SUSPENDED | CREATE_UNICODE_ENVIRONMENT | EXTENDED_STARTUPINFO_PRESENT | CREATE_NO_WINDOW,
                        block.data(), child.directory.empty() ? nullptr : child.directory.c_str(), &info.StartupInfo,
                        &started))
    fail(child.command[0] + " could not be started");
  Handle process(started.hProcess);
  const Handle thread(started.hThread);
  ::AssignProcessToJobObject(job, process.get());
  ::ResumeThread(thread.get());
  return process;
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
  const Handle job = make_job();
  const auto begin = std::chrono::steady_clock::now();
  const Handle process = start(child, writing.get(), job.get());
  writing.close();

  ChildEnd end;
  // Not until the pipe closes: what the child started may hold it open. Nor for ever.
  for (bool ended = false; !ended;) {
    ended = ::WaitForSingleObject(process.get(), 2) == WAIT_OBJECT_0;
    drain(reading.get(), end.record);
    end.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    if (ended || end.seconds <= child.limit_s) continue;
    ::TerminateJobObject(job.get(), 1);
    ::TerminateProcess(process.get(), 1);
    end.killed = true;
    ended = end.seconds > child.limit_s + grace_s;
  }
  drain(reading.get(), end.record);
  DWORD status = 1;
  ::GetExitCodeProcess(process.get(), &status);
  ::TerminateJobObject(job.get(), 1);  // processes that it left
  end.record = whole_record(std::move(end.record));
  end.ending = ending_of(status);
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
