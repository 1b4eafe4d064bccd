// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

namespace trainer::isolation {

/// What the command line of a plugin's process gives.
struct ServerOptions {
  std::uint64_t memory = 0;  ///< bytes; 0: no limit, as in the next
  std::uint64_t cpu_seconds = 0;
  std::optional<std::uint64_t> processes;  ///< besides its own; unset: no limit
  bool no_network = false;
};

}  // namespace trainer::isolation
