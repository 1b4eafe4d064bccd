// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string_view>
#include <vector>

namespace trainer::child {

struct ListedProcess {
  pid_t id, parent, session;
  bool dead;  // and its parent has not asked yet how it ended
};

/// All that there are, as /proc has them; none where the system has no such directory.
std::vector<ListedProcess> list_processes();

/// Whether it was started with this NAME=value in its environment, as far as the system says.
bool has_variable(pid_t process, std::string_view variable);

}  // namespace trainer::child
