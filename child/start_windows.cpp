// SPDX-License-Identifier: Apache-2.0
#include "child/start_windows.hpp"

#include <algorithm>
#include <cstdio>
#include <system_error>
#include <utility>

namespace trainer::child::windows {
namespace {

/// As CommandLineToArgvW and the C library take it apart again.
std::wstring command_line(const std::vector<std::string>& words) {
  std::wstring line;
  for (const std::string& text : words) {
    const std::wstring word = wide(text);
    if (!line.empty()) line += L' ';
    if (!word.empty() && word.find_first_of(L" \t\n\v\"") == word.npos) {
      line += word;
      continue;
    }
    line += L'"';
    std::size_t backslashes = 0;
    for (const wchar_t c : word) {
      if (c == L'\\') {
        ++backslashes;
        continue;
      }
      line.append(c == L'"' ? 2 * backslashes + 1 : backslashes, L'\\') += c;
      backslashes = 0;
    }
    line.append(2 * backslashes, L'\\') += L'"';
  }
  return line;
}

/// As CreateProcess wants it: sorted by name without regard to case, with a zero behind each and one more.
std::wstring environment_block(const std::vector<std::string>& variables) {
  std::vector<std::wstring> lines;
  for (const std::string& variable : variables) lines.push_back(wide(variable));
  std::sort(lines.begin(), lines.end(),
            [](const std::wstring& a, const std::wstring& b) { return ::_wcsicmp(a.c_str(), b.c_str()) < 0; });
  std::wstring block;
  for (const std::wstring& line : lines) block.append(line).push_back(L'\0');
  block.append(block.empty() ? 2 : 1, L'\0');
  return block;
}

Handle make_job(bool dies_with_us) {
  Handle job(::CreateJobObjectW(nullptr, nullptr));
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags =
      JOB_OBJECT_LIMIT_DIE_ON_UNHANDLED_EXCEPTION | (dies_with_us ? JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE : 0);
  ::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof limits);
  return job;
}

/// What the child inherits: these handles and no others.
class Inherited {
 public:
  explicit Inherited(std::vector<HANDLE> handles) : handles_(std::move(handles)) {
    SIZE_T size = 0;
    ::InitializeProcThreadAttributeList(nullptr, 1, 0, &size);
    memory_.resize(size);
    ::InitializeProcThreadAttributeList(get(), 1, 0, &size);
    ::UpdateProcThreadAttribute(get(), 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST, handles_.data(),
                                handles_.size() * sizeof(HANDLE), nullptr, nullptr);
  }
  ~Inherited() { ::DeleteProcThreadAttributeList(get()); }
  Inherited(const Inherited&) = delete;
  Inherited& operator=(const Inherited&) = delete;
  LPPROC_THREAD_ATTRIBUTE_LIST get() { return reinterpret_cast<LPPROC_THREAD_ATTRIBUTE_LIST>(memory_.data()); }

 private:
  std::vector<HANDLE> handles_;
  std::vector<unsigned char> memory_;
};

/// A copy that a child may inherit; nothing where there is none, as the stderr of a program without a console.
Handle inheritable(HANDLE handle) {
  HANDLE copy = nullptr;
  if (handle == nullptr || handle == INVALID_HANDLE_VALUE) return Handle();
  ::DuplicateHandle(::GetCurrentProcess(), handle, ::GetCurrentProcess(), &copy, 0, TRUE, DUPLICATE_SAME_ACCESS);
  return Handle(copy);
}

}  // namespace

bool Child::wait(std::chrono::milliseconds limit, DWORD& status) const {
  const auto most = static_cast<DWORD>(std::clamp<long long>(limit.count(), 0, INFINITE - 1));
  return ::WaitForSingleObject(process.get(), most) == WAIT_OBJECT_0 && ::GetExitCodeProcess(process.get(), &status);
}

Child start(const std::filesystem::path& program, const std::vector<std::string>& command,
            const std::vector<std::string>& environment, const ChildOptions& options) {
  SECURITY_ATTRIBUTES inherit{sizeof inherit, nullptr, TRUE};
  const Handle nothing(
      ::CreateFileW(L"NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherit, OPEN_EXISTING, 0, nullptr));
  const Handle output = inheritable(options.output != nullptr ? options.output : ::GetStdHandle(STD_ERROR_HANDLE));
  std::vector<HANDLE> handles{nothing.get()};
  if (output) handles.push_back(output.get());
  if (options.given != nullptr) handles.push_back(options.given);
  Inherited inherited(std::move(handles));

  STARTUPINFOEXW how{};
  how.StartupInfo.cb = sizeof how;
  how.StartupInfo.dwFlags = STARTF_USESTDHANDLES;
  how.StartupInfo.hStdInput = nothing.get();
  how.StartupInfo.hStdOutput = how.StartupInfo.hStdError = output.get();
  how.lpAttributeList = inherited.get();
  std::wstring line = command_line(command), block = environment_block(environment);
  PROCESS_INFORMATION made{};
  // A group of its own: Ctrl-C in the console is the trainer's. Suspended, so that all it starts is in the job.
  constexpr DWORD flags = CREATE_UNICODE_ENVIRONMENT | CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW | CREATE_SUSPENDED |
                          EXTENDED_STARTUPINFO_PRESENT;
  if (program.empty() ||
      !::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE, flags, block.data(),
                        options.directory.empty() ? nullptr : options.directory.c_str(), &how.StartupInfo, &made))
    throw std::system_error(static_cast<int>(program.empty() ? ERROR_FILE_NOT_FOUND : ::GetLastError()),
                            std::system_category(), command[0]);
  Child child{Handle(made.hProcess), make_job(options.dies_with_us)};
  const Handle thread(made.hThread);
  if (child.process) ::AssignProcessToJobObject(child.job.get(), child.process.get());
  if (thread) ::ResumeThread(thread.get());
  return child;
}

std::filesystem::path find_program(const std::string& name) {
  std::wstring variable(32767, L'\0');
  variable.resize(::GetEnvironmentVariableW(L"PATH", variable.data(), static_cast<DWORD>(variable.size())));
  const std::string path = narrow(variable);
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(';', begin), path.size());
    std::string directory = path.substr(begin, end - begin);
    begin = end + 1;
    std::erase(directory, '"');
    if (directory.empty()) continue;
    for (const char* ending : {".exe", ".com", ""}) {
      const std::filesystem::path file = std::filesystem::path(wide(directory)) / wide(name + ending);
      std::error_code error;
      if ((*ending != '\0' || file.has_extension()) && std::filesystem::is_regular_file(file, error)) return file;
    }
  }
  return {};
}

std::filesystem::path program_of(const std::vector<std::string>& command) {
  const std::filesystem::path named(wide(command[0]));
  return named.has_parent_path() ? named : find_program(command[0]);
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

}  // namespace trainer::child::windows
