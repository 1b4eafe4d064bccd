// SPDX-License-Identifier: Apache-2.0
//
// One value of each flag for all ranks, from what each brings. transformers lets them part, and then all of them hang.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "trainer/flag_changes.hpp"

namespace trainer {

/// What the ranks send: of each place, the least of all ranks counts.
using AgreementNumbers = std::array<std::int64_t, control_flags.size() + 3>;

/// Why a rank asks all of them to stop: a signal's number, or 0 for a call of request_stop().
using StopRequest = std::optional<int>;

/// This rank's. `changes`: whose change of a flag counts for all. `within_step`: a plugin of it may set a rate between
/// two agreements at which it would be too late.
AgreementNumbers propose(const TrainerControl& control, const FlagChanges& changes, StopRequest stop, bool within_step,
                         int rank, int world);

struct Agreed {
  struct Flag {
    bool value;
    int rank;           ///< whose callback decided; -1: no callback changed it
    std::size_t entry;  ///< which of its callbacks
  };
  std::array<Flag, control_flags.size()> flags;  ///< in the order of `control_flags`
  StopRequest stop;
  bool rates;        ///< some rank has set a learning rate
  bool within_step;  ///< of any rank
};

/// The lowest rank that changed a flag decides it, whether it set or cleared it. Where none did, the value is the same
/// everywhere.
Agreed read_agreement(const AgreementNumbers& least, int world);

}  // namespace trainer
