// SPDX-License-Identifier: Apache-2.0
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "base/child_process.hpp"
#include "command/launch.hpp"
#include "command/options.hpp"
#include "trainer/error.hpp"

namespace trainer::command {
namespace {

// Where memory is limited (ulimit -v), LibTorch may not even get through its start, and says so in the loader's words
// or by an abort. A child that does nothing else tells.
void require_memory_to_start(const std::string& program) {
  rlimit limit{};
  if (::getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) return;
  const ChildEnd end = run_child({.command = {program, "--version"}});
  if (!end.good)
    throw_run(error_id::memory_exhausted,
              program + " does not start within the " + std::to_string(limit.rlim_cur >> 20) +
                  " MB of memory that are allowed (" + end.ending + "); raise the limit (ulimit -v)");
}

}  // namespace

int become_trainer_run() {
  std::error_code ec;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  const auto program = (ec ? std::filesystem::path(process_arguments[0]) : self).parent_path() / "trainer-run";
  require_memory_to_start(program.string());
  ::execv(program.c_str(), process_arguments);
  throw_run(error_id::process_failed, program.string() + " could not be started: " + std::strerror(errno) +
                                          "; it belongs beside the trainer command, install LibTrainer again");
}

}  // namespace trainer::command
