// SPDX-License-Identifier: Apache-2.0
//
// One value of each flag for all ranks, from what each brings. transformers lets them part, and then all of them hang.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

#include "trainer/flag_changes.hpp"

namespace trainer {

/// What the ranks send: of each place, the least of all ranks counts.
using AgreementNumbers = std::array<std::int64_t, control_flags.size() + 4>;

/// Why a rank asks all of them to stop: a signal's number, or 0 for a call of request_stop().
using StopRequest = std::optional<int>;

/// How many steps may go by until the ranks agree again; 0: they do so after each micro-batch, too.
using AgreementPace = std::int64_t;

/// Where within steps no callback may set a flag, but a signal may come: the steps of about 10 ms, but not more
/// than 16. `steps` took `time`.
AgreementPace pace_for_signals(std::int64_t steps, std::chrono::nanoseconds time);

/// This rank's. `changes`: whose change of a flag counts for all. `within_step`: a plugin of it may set a rate between
/// two agreements at which it would be too late. `pace`: that which it needs.
AgreementNumbers propose(const TrainerControl& control, const FlagChanges& changes, StopRequest stop, bool within_step,
                         AgreementPace pace, int rank, int world);

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
  AgreementPace pace;
};

/// The lowest rank that changed a flag decides it, whether it set or cleared it. Where none did, the value is the same
/// everywhere.
Agreed read_agreement(const AgreementNumbers& least, int world);

}  // namespace trainer
