// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace trainer::isolation {

/// Comes back in a new child of this process. This one stays as its keeper: it ends the child with all that this has
/// started, in whatever session, when the child has ended, when the trainer is gone or sends SIGTERM, or when they are
/// more than `most_processes`; and then it ends as the child did. This process has one thread; its stdout
/// is a pipe to the trainer.
void leave_keeper(std::optional<std::uint64_t> most_processes);

}  // namespace trainer::isolation
