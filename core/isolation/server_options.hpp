// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace trainer::isolation {

/// What the command line of a plugin's process gives.
struct ServerOptions {
  std::uint64_t memory = 0;  ///< bytes; 0: no limit, as in the next two
  std::uint64_t cpu_seconds = 0;
  std::uint64_t processes = 0;
  bool no_network = false;
};

}  // namespace trainer::isolation
