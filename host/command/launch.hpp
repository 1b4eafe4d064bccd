// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer::command {

/// Does the rest of the command line in trainer-run, which lies beside this program, and comes back with its status,
/// if at all. An Error when it cannot be started.
int become_trainer_run();

}  // namespace trainer::command
