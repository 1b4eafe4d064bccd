// SPDX-License-Identifier: Apache-2.0
//
// Stands in for the commands that need LibTorch: `trainer` becomes trainer-run, a program of their own, so that the
// others start at once and without it.
#include "command/launch.hpp"

#include "command/options.hpp"

namespace trainer::command {

int train(const RunOptions&) { return become_trainer_run(); }
int run(const RunOptions&) { return become_trainer_run(); }
int evaluate(const RunOptions&) { return become_trainer_run(); }
int predict(const RunOptions&) { return become_trainer_run(); }
int check(const RunOptions&) { return become_trainer_run(); }
int print_config(const RunOptions&) { return become_trainer_run(); }
int init(const InitOptions&) { return become_trainer_run(); }
int plugins_order(const RunOptions&) { return become_trainer_run(); }

}  // namespace trainer::command
