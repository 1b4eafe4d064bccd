// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <map>
#include <optional>

#include "trainer/trainer_control.hpp"

namespace trainer {

/// Which callback changed which flag last, and which plugin which learning rate, since clear(): what the processes of a
/// run agree on. A callback is its place in CallbackHandler::entries(), which all processes have alike. The default
/// flow does not count, as it does the same everywhere.
struct FlagChanges {
  std::array<std::optional<std::size_t>, control_flags.size()> by;
  std::map<std::size_t, std::size_t> rates;  ///< by the optimizer's group

  void clear() { by = {}, rates.clear(); }
};

}  // namespace trainer
