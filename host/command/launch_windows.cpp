// SPDX-License-Identifier: Apache-2.0
//
// Windows has no way to become another program: `trainer` starts trainer-run, leaves the stop keys to it, ends it when
// it is ended itself, and gives back its status.
#include "base/windows.hpp"

#include "command/launch.hpp"
#include "discovery/platform.hpp"
#include "trainer/error.hpp"

namespace trainer::command {

int become_trainer_run() {
  const auto program = platform::executable_path().parent_path() / L"trainer-run.exe";
  const windows::Handle job(::CreateJobObjectW(nullptr, nullptr));
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
  ::SetInformationJobObject(job.get(), JobObjectExtendedLimitInformation, &limits, sizeof limits);
  std::wstring line = ::GetCommandLineW();
  STARTUPINFOW start{};
  start.cb = sizeof start;
  PROCESS_INFORMATION started{};
  ::SetConsoleCtrlHandler([](DWORD) -> BOOL { return TRUE; }, TRUE);
  if (!::CreateProcessW(program.c_str(), line.data(), nullptr, nullptr, TRUE, CREATE_SUSPENDED, nullptr, nullptr,
                        &start, &started)) {
    if (!std::filesystem::exists(program))
      throw_run(error_id::process_failed,
                "this command needs LibTorch, which the build of LibTrainer for Windows does not have: there are " +
                    std::string("`plugins`, `replay`, `report` and `show`; train on Linux, or under WSL"));
    throw_run(error_id::process_failed, program.string() + " could not be started: " + windows::last_message() +
                                            "; it belongs beside the trainer command, install LibTrainer again");
  }
  const windows::Handle process(started.hProcess), thread(started.hThread);
  ::AssignProcessToJobObject(job.get(), process.get());
  ::ResumeThread(thread.get());
  ::WaitForSingleObject(process.get(), INFINITE);
  DWORD status = 1;
  ::GetExitCodeProcess(process.get(), &status);
  return static_cast<int>(status);
}

}  // namespace trainer::command
