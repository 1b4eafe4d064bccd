// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <functional>
#include <string>

namespace trainer {

/// The first loading of a plugin that this user's account has not seen: in a copy of this process, so that one whose
/// constructors crash, hang or end the process takes no training with it, and what it sees is what it sees in a run.
/// What came of it is kept under `digest` (quarantine.hpp). `load` does the loading, of the bytes that are loaded
/// afterwards here, and throws an Error for what is refused. On Windows the other process is the command `trainer`
/// (trial_process.hpp).
///
/// Returns when the plugin loads; a usage Error when it did not, now or before.
void require_trial_load(const std::filesystem::path& file, const std::string& id, const std::string& digest,
                        const std::function<void()>& load);

/// What that process writes as its record: how `load` went. What is not an Error goes on, and ends it.
std::string trial_answer(const std::function<void()>& load);

}  // namespace trainer
