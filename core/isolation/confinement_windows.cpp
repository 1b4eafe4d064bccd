// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "isolation/confinement.hpp"

namespace trainer::isolation {

// It is in a job of the trainer's already, with which it ends; the limits are those of one within that.
std::vector<std::string> confine(const ServerOptions& options) {
  std::vector<std::string> missing;
  if (options.no_network) missing.emplace_back("the network cannot be taken from a plugin on Windows, so it has it");
  JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits{};
  auto& flags = limits.BasicLimitInformation.LimitFlags;
  if (options.memory > 0) {
    flags |= JOB_OBJECT_LIMIT_JOB_MEMORY;
    limits.JobMemoryLimit = static_cast<SIZE_T>(options.memory);
  }
  if (options.cpu_seconds > 0) {
    flags |= JOB_OBJECT_LIMIT_JOB_TIME;
    limits.BasicLimitInformation.PerJobUserTimeLimit.QuadPart = static_cast<LONGLONG>(options.cpu_seconds) * 10000000;
  }
  if (options.processes) {
    flags |= JOB_OBJECT_LIMIT_ACTIVE_PROCESS;
    limits.BasicLimitInformation.ActiveProcessLimit = static_cast<DWORD>(*options.processes + 1);
  }
  if (flags == 0) return missing;
  HANDLE job = ::CreateJobObjectW(nullptr, nullptr);  // open as long as the process is
  if (!job || !::SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits) ||
      !::AssignProcessToJobObject(job, ::GetCurrentProcess()))
    missing.push_back("memory, processor time and processes of a plugin cannot be limited here: " +
                      windows::last_message());
  return missing;
}

void let_nobody_read() {}  // and it has ended with the trainer's job

void end_everything() {
  ::TerminateProcess(::GetCurrentProcess(), 1);
  for (;;) {
  }
}

}  // namespace trainer::isolation
