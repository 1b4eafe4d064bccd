// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <vector>

namespace trainer::child {

struct ListedProcess {
  pid_t id, parent, session;
  bool dead;  // and its parent has not asked yet how it ended
};

/// All that there are, as /proc has them; none where the system has no such directory.
std::vector<ListedProcess> list_processes();

}  // namespace trainer::child
