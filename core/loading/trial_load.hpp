// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace trainer {

/// The first loading of a plugin that this user's account has not seen: in a process of its own, so that one whose
/// constructors crash, hang or end the process takes no training with it. What came of it is kept (quarantine.hpp).
/// The process is `trainer`: $TRAINER_EXECUTABLE, or beside this program or this library; where none is found, and
/// with TRAINER_PLUGIN_TRUST=any, there is no such check.
///
/// Returns when the plugin loads; a usage Error when it did not, now or before.
void require_trial_load(const std::filesystem::path& file, const std::string& sha256);

/// The child's side: loads the file, and says so in its record.
int answer_trial_load(const std::filesystem::path& file);

}  // namespace trainer
