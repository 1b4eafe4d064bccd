// SPDX-License-Identifier: Apache-2.0
#include "loading/trial_process.hpp"

namespace trainer {

std::optional<ChildEnd> run_trial(const std::filesystem::path&, const std::function<std::string()>& load,
                                  double limit_s) {
  return run_copy(load, limit_s);
}

}  // namespace trainer
