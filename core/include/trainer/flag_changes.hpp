// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "trainer/trainer_control.hpp"

namespace trainer {

/// Which callback changed which flag last, since clear(): what the processes of a run agree on. A callback is its place
/// in CallbackHandler::entries(), which all processes have alike. The default flow does not count, as it does
/// the same everywhere.
struct FlagChanges {
  std::array<std::optional<std::size_t>, control_flags.size()> by;

  void clear() { by = {}; }
};

}  // namespace trainer
