// SPDX-License-Identifier: Apache-2.0
//
// Child processes in jobs, and this program's name.
#include "shared/system/process.hpp"

#include <algorithm>
#include <system_error>
#include <thread>

#include "child/start_windows.hpp"
#include "shared/system/environment.hpp"
#include "shared/system/windows.hpp"

namespace trainer::plugins {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kept_output = 4096;

/// Reads what is there of a pipe, and keeps the end of it.
void take(HANDLE pipe, std::string& output) {
  DWORD there = 0, n = 0;
  char piece[1024];
  while (::PeekNamedPipe(pipe, nullptr, 0, nullptr, &there, nullptr) && there > 0 &&
         ::ReadFile(pipe, piece, std::min<DWORD>(there, sizeof piece), &n, nullptr)) {
    output.append(piece, n);
    if (output.size() > 2 * kept_output) output.erase(0, output.size() - kept_output);
  }
}

child::windows::Child start_child(const std::vector<std::string>& command,
                                  const std::map<std::string, std::string>& changed, HANDLE output, bool dies_with_us) {
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment(changed)) variables.push_back(name + "=" + value);
  return child::windows::start(child::windows::program_of(command), command, variables, {output, dies_with_us});
}

}  // namespace

std::int64_t process_id() { return static_cast<std::int64_t>(::GetCurrentProcessId()); }

std::string program_name() {
  std::wstring name(32768, L'\0');
  name.resize(::GetModuleFileNameW(nullptr, name.data(), static_cast<DWORD>(name.size())));
  return name.empty() ? "trainer" : windows::narrow(name);
}

void block_signals_of_this_thread() {}  // Ctrl-C comes on a thread of the system's

std::filesystem::path find_program(const std::string& name) { return child::windows::find_program(name); }

Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit) {
  Finished result;
  HANDLE ends[2] = {};
  if (!::CreatePipe(&ends[0], &ends[1], nullptr, 0)) return result;
  const windows::Handle ours(ends[0]);
  windows::Handle theirs(ends[1]);
  child::windows::Child child;
  try {
    child = start_child(command, {}, theirs.get(), true);
  } catch (const std::system_error&) {
    return result;
  }
  theirs = windows::Handle();
  result.found = true;
  const auto deadline = Clock::now() + limit;
  DWORD status = 0;
  bool ended = false;
  auto nap = std::chrono::milliseconds(1);
  while (!(ended = child.wait(nap, status)) && Clock::now() < deadline) {
    take(ours.get(), result.output);
    nap = std::min(2 * nap, std::chrono::milliseconds(20));
  }
  if (!ended) child.kill();
  take(ours.get(), result.output);
  result.timed_out = !ended;
  result.status = ended ? static_cast<int>(status) : -1;
  return result;
}

int start_program(const std::vector<std::string>& arguments, const std::filesystem::path& log,
                  std::chrono::duration<double> limit, const std::map<std::string, std::string>& changed) {
  const windows::Handle output(::CreateFileW(log.c_str(), FILE_APPEND_DATA | SYNCHRONIZE,
                                             FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, nullptr,
                                             OPEN_ALWAYS, FILE_ATTRIBUTE_NORMAL, nullptr));
  if (!output) return -2;
  try {
    const child::windows::Child child = start_child(arguments, changed, output.get(), false);
    DWORD status = 0;
    return child.wait(std::chrono::duration_cast<std::chrono::milliseconds>(limit), status) ? static_cast<int>(status)
                                                                                            : -1;
  } catch (const std::system_error&) {
    return -2;
  }
}

}  // namespace trainer::plugins
