// SPDX-License-Identifier: Apache-2.0
//
// Runs: orders of events that a trainer can give (event.h says which).
#pragma once

#include "validator/subject.hpp"

namespace trainer::validator {

struct Run {
  int epochs = 2, steps = 2;  ///< 0: training ends before its first step
  int accumulation = 1;       ///< micro-batches in a step
  // What is due after each step, and after each epoch.
  bool log = true, evaluate = true, save = true, push = false;
  bool log_epoch = false, evaluate_epoch = false, save_epoch = false;
  bool train = true;         ///< else: evaluate() or predict() alone
  bool predict = false;      ///< predict() at the end
  bool twice = false;        ///< the same trainer trains again
  bool finishes = true;      ///< else the instance goes without on_train_end
  Random* random = nullptr;  ///< decides anew what is due each time, and where the run ends
};

/// Gives the events of the run to the instance, as far as it takes them. True when it took them
/// all; false when it refused one, after which a host calls it no more.
bool play(Instance& instance, const Run& run);

/// Every combination of what a run can have.
std::vector<Run> all_runs();

Run random_run(Random& random);

/// Logs of a step, metrics of an evaluation and the summary, as a trainer gives them.
Row step_logs(std::int64_t step);
Row metrics(const std::string& prefix, std::int64_t step);
Row summary();

}  // namespace trainer::validator
