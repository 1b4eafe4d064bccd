// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "trainer/trainer_control.hpp"

namespace trainer {

/// Which callback changed which flag last, since clear(): what the processes of a run agree on. A callback is its place
/// in CallbackHandler::entries(), which all processes have alike. The callbacks that come with the library do not
/// count, as they do the same everywhere.
struct FlagChanges {
  std::array<std::optional<std::size_t>, control_flags.size()> by;

  bool any() const {
    for (const auto& one : by)
      if (one) return true;
    return false;
  }
  void clear() { by = {}; }
};

}  // namespace trainer
