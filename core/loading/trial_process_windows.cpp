// SPDX-License-Identifier: Apache-2.0
#include "base/windows.hpp"

#include "loading/trainer_program.hpp"
#include "loading/trial_process.hpp"

namespace trainer {
std::optional<ChildEnd> run_trial(const std::filesystem::path& file, const std::function<std::string()>&,
                                  double limit_s) {
  const auto command = find_trainer();
  if (command.empty()) return {};
  return run_child({.command = {command.string(), "plugins", "trial", file.string()}, .limit_s = limit_s});
}

}  // namespace trainer
