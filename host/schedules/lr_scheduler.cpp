// SPDX-License-Identifier: Apache-2.0
//
// What all schedules share: the names that lr_scheduler_type may have.
#include "trainer/lr_scheduler.hpp"

namespace trainer {

LRScheduler::~LRScheduler() = default;

const std::vector<std::string>& scheduler_names() {
  static const std::vector<std::string> names{"linear",
                                              "cosine",
                                              "cosine_with_restarts",
                                              "polynomial",
                                              "constant",
                                              "constant_with_warmup",
                                              "inverse_sqrt",
                                              "reduce_lr_on_plateau",
                                              "cosine_with_min_lr",
                                              "cosine_warmup_with_min_lr",
                                              "warmup_stable_decay",
                                              "greedy"};
  return names;
}

}  // namespace trainer
