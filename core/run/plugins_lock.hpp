// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "trainer/callback_entry.hpp"

namespace trainer {

/// plugins.lock in a run's output_dir: id, version and SHA-256 of each plugin that the run uses,
///
///     {"plugins": [{"id": "csv", "version": "0.1.0", "sha256": "…"}, …]}
///
/// sorted by id; a plugin that brings libraries along has "libraries", an object of their SHA-256 by file name. Written
/// when a training begins, and kept when it uses none and has none. A training that `resumes` warns first of each
/// plugin that is not the one which the file names. A file that cannot be written is a warning.
void update_plugins_lock(const std::filesystem::path& output_dir,
                         const std::vector<std::shared_ptr<CallbackEntry>>& entries, bool resumes);

}  // namespace trainer
