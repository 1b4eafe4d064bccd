// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

namespace trainer {

/// The command `trainer`, which is started for what needs a process of its own: TRAINER_PROGRAM, or beside this program
/// or this library, or in the bin beside their folder. Empty where there is none.
std::filesystem::path find_trainer();

}  // namespace trainer
