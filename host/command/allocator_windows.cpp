// SPDX-License-Identifier: Apache-2.0
#include "command/allocator.hpp"

namespace trainer::command {

void keep_freed_memory() {}  // its heap has no such thresholds

}  // namespace trainer::command
