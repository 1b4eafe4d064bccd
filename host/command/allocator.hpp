// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace trainer::command {

/// Lets the C library keep what a step frees for the next one. It would give large pieces back to the system, whose new
/// pages cost more than what is computed in them. What the environment says of it (MALLOC_..., GLIBC_TUNABLES) stays.
void keep_freed_memory();

}  // namespace trainer::command
