// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "ranks/process_group.hpp"

namespace trainer {

/// Copies rank 0's files below `directory` to the directory that each other rank names; none for an empty path. A
/// directory without files is not made.
void share_files(ProcessGroup& group, const std::filesystem::path& directory);

}  // namespace trainer
