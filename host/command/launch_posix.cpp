// SPDX-License-Identifier: Apache-2.0
//
// Stands in for the commands that need LibTorch: `trainer` becomes trainer-run, a program of their own, so that the
// others start at once and without it.
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "command/options.hpp"
#include "trainer/error.hpp"

namespace trainer::command {
namespace {

int become_trainer_run() {
  std::error_code ec;
  const auto self = std::filesystem::read_symlink("/proc/self/exe", ec);
  const auto program = (ec ? std::filesystem::path(process_arguments[0]) : self).parent_path() / "trainer-run";
  ::execv(program.c_str(), process_arguments);
  throw_run(error_id::process_failed, program.string() + " could not be started: " + std::strerror(errno) +
                                          "; it belongs beside the trainer command, install LibTrainer again");
}

}  // namespace

int train(const RunOptions&) { return become_trainer_run(); }
int run(const RunOptions&) { return become_trainer_run(); }
int evaluate(const RunOptions&) { return become_trainer_run(); }
int predict(const RunOptions&) { return become_trainer_run(); }
int plugins_order(const RunOptions&) { return become_trainer_run(); }

}  // namespace trainer::command
