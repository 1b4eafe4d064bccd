// SPDX-License-Identifier: Apache-2.0
//
// Where an earlier run of the same id ended.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace trainer::wandb {

/// The last step of the history in the files of a run below `directory` (.../wandb); -1 when there
/// is a file without history, nothing when there is no file.
std::optional<std::int64_t> last_step(const std::filesystem::path& directory, const std::string& id);

}  // namespace trainer::wandb
