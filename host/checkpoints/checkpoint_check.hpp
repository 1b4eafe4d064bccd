// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>

#include "trainer/trainer_state.hpp"

/// Whether a checkpoint is what was written; all are run Errors with the id checkpoint.damaged where it is not.
namespace trainer {

/// Every file against its digest in checkpoint.json; without that file, as in transformers' checkpoints, the archives
/// against their own checksums. The weights' header and the state, if there is one, must make sense.
void check_checkpoint(const std::filesystem::path& checkpoint);

/// trainer_state.json, with numbers that a run can have: the directory checkpoint-N is of step N.
TrainerState load_checkpoint_state(const std::filesystem::path& checkpoint);

}  // namespace trainer
