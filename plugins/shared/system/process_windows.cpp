// SPDX-License-Identifier: Apache-2.0
//
// Child processes in jobs, and this program's name.
#include "shared/system/process.hpp"

#include <algorithm>
#include <system_error>
#include <thread>
#include <trainer/sdk/path.hpp>

#include "shared/system/child_windows.hpp"
#include "shared/system/environment.hpp"

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

}  // namespace

std::int64_t process_id() { return static_cast<std::int64_t>(::GetCurrentProcessId()); }

std::string program_name() {
  std::wstring name(32768, L'\0');
  name.resize(::GetModuleFileNameW(nullptr, name.data(), static_cast<DWORD>(name.size())));
  return name.empty() ? "trainer" : windows::narrow(name);
}

void block_signals_of_this_thread() {}  // Ctrl-C comes on a thread of the system's

std::filesystem::path find_program(const std::string& name) {
  const std::string path = variable("PATH");
  for (std::size_t begin = 0; begin < path.size();) {
    const std::size_t end = std::min(path.find(';', begin), path.size());
    std::string directory = path.substr(begin, end - begin);
    begin = end + 1;
    std::erase(directory, '"');
    if (directory.empty()) continue;
    for (const char* ending : {".exe", ".com", ""}) {
      const std::filesystem::path file = sdk::path_of(directory) / sdk::path_of(name + ending);
      std::error_code error;
      if ((*ending != '\0' || file.has_extension()) && std::filesystem::is_regular_file(file, error)) return file;
    }
  }
  return {};
}

std::filesystem::path program_of(const std::vector<std::string>& command) {
  const std::filesystem::path named = sdk::path_of(command[0]);
  return named.has_parent_path() ? named : find_program(command[0]);
}

Finished run_program(const std::vector<std::string>& command, std::chrono::milliseconds limit) {
  Finished result;
  HANDLE ends[2] = {};
  if (!::CreatePipe(&ends[0], &ends[1], nullptr, 0)) return result;
  const windows::Handle ours(ends[0]);
  windows::Handle theirs(ends[1]);
  windows::Child child;
  try {
    child = windows::start(program_of(command), command, environment(), {theirs.get()});
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
    const windows::Child child =
        windows::start(program_of(arguments), arguments, environment(changed), {output.get(), false});
    DWORD status = 0;
    return child.wait(std::chrono::duration_cast<std::chrono::milliseconds>(limit), status) ? static_cast<int>(status)
                                                                                            : -1;
  } catch (const std::system_error&) {
    return -2;
  }
}

}  // namespace trainer::plugins
