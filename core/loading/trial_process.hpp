// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "base/child_process.hpp"

namespace trainer {

/// The first loading of `file` in a process of its own, and the answer to that: on Linux in a copy of this process, in
/// which `load` is called; on Windows, which has none, in the command `trainer`, beside this program or above this
/// library, which loads the file for this. Empty where that command is not found.
std::optional<ChildEnd> run_trial(const std::filesystem::path& file, const std::function<std::string()>& load,
                                  double limit_s);

}  // namespace trainer
