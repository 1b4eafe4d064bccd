// SPDX-License-Identifier: Apache-2.0
#include "child/start_windows.hpp"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <system_error>

#include "child/loopback_windows.hpp"
#include "child/process.hpp"

namespace trainer::child {
namespace {

constexpr const char* stream_variable = "TRAINER_CHILD_STREAM";

HANDLE handle_of(std::intptr_t handle) { return reinterpret_cast<HANDLE>(handle); }

}  // namespace

Process::Process(const Program& program) : ends_all_(program.ends_all), token_(windows::random_token()) {
  unsigned short port = 0;
  stream_ = windows::listen_on_loopback(port);
  std::vector<std::string> environment = program.environment;
  environment.push_back(stream_variable + ("=" + std::to_string(port)) + ":" + token_);
  windows::Handle ours, theirs;
  if (program.printed) {
    HANDLE ends[2] = {};
    if (!::CreatePipe(&ends[0], &ends[1], nullptr, 1 << 16))
      throw std::system_error(static_cast<int>(::GetLastError()), std::system_category(), "a pipe");
    ours = windows::Handle(ends[0]);
    theirs = windows::Handle(ends[1]);
  }
  windows::ChildOptions options;
  options.output = theirs.get();
  windows::Child child = windows::start(windows::program_of(program.command), program.command, environment, options);
  id_ = static_cast<std::int64_t>(::GetProcessId(child.process.get()));
  process_ = reinterpret_cast<std::intptr_t>(child.process.release());
  group_ = reinterpret_cast<std::intptr_t>(child.job.release());
  if (ours) pipe_ = reinterpret_cast<std::intptr_t>(ours.release());
}

Process::~Process() {
  if (!ended()) kill();
  for (const std::intptr_t handle : {process_, group_, pipe_})
    if (handle > 0) ::CloseHandle(handle_of(handle));
}

/// A child that has ended does not come any more.
Descriptor Process::connection(double seconds) {
  const Descriptor listener = std::move(stream_);
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < until) {
    const auto next = std::chrono::steady_clock::now() + std::chrono::milliseconds(200);
    Descriptor made = windows::accept_known(listener, token_, next);
    if (made.get() >= 0) {
      windows::never_block(made);
      return made;
    }
    if (const auto how = ended()) windows::fail_socket(how->empty() ? "it ended at once" : *how, WSAECONNREFUSED);
  }
  windows::fail_socket("it did not connect within " + std::to_string(static_cast<int>(seconds)) + " s", WSAETIMEDOUT);
}

// Nobody can wait for a pipe of this kind.
std::optional<std::string> Process::printed(double seconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (;;) {
    DWORD there = 0, n = 0;
    if (!::PeekNamedPipe(handle_of(pipe_), nullptr, 0, nullptr, &there, nullptr)) return std::nullopt;
    if (there > 0) {
      std::string text(std::min<DWORD>(there, 65536), '\0');
      if (!::ReadFile(handle_of(pipe_), text.data(), static_cast<DWORD>(text.size()), &n, nullptr)) return std::nullopt;
      text.resize(n);
      return text;
    }
    if (std::chrono::steady_clock::now() >= until) return "";
    ::Sleep(10);
  }
}

std::optional<std::string> Process::ended() {
  if (ended_ || process_ <= 0) return ended_;
  DWORD status = 0;
  if (::WaitForSingleObject(handle_of(process_), 0) != WAIT_OBJECT_0 ||
      !::GetExitCodeProcess(handle_of(process_), &status))
    return std::nullopt;
  if (ends_all_) ::TerminateJobObject(handle_of(group_), 1);
  ended_ = status == 0 ? "" : windows::ending_of(status);
  return ended_;
}

std::optional<std::string> Process::wait(double seconds) {
  const auto most = static_cast<DWORD>(std::clamp(seconds * 1000, 0.0, 4e9));
  if (process_ > 0) ::WaitForSingleObject(handle_of(process_), most);
  // Of a program of the system below Wine there is no handle: who waits for it has seen the end of its stream.
  if (process_ == 0 && !ended_) ended_ = "";
  return ended();
}

void Process::kill() {
  if (process_ <= 0 || ended_) return;
  ::TerminateJobObject(handle_of(group_), 1);
  ::TerminateProcess(handle_of(process_), 1);
  wait(5);
}

void Process::stop(double) { kill(); }

Descriptor parent_stream() {
  const char* where = std::getenv(stream_variable);
  Descriptor made = connect_to(where == nullptr ? "" : where);
  ::_putenv_s(stream_variable, "");
  return made;
}

}  // namespace trainer::child
