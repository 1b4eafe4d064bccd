// SPDX-License-Identifier: Apache-2.0
//
// event_names.hpp - the names and numbers of the events.
#pragma once

#include <trainer/event.h>

#include <cstdint>
#include <string_view>
#include <trainer/sdk/note.hpp>

namespace trainer::plugins {

using sdk::notes::event_names;  // in the order of TRAINER_ON_INIT_END and the rest

inline constexpr std::uint32_t all_events = (1u << TRAINER_EVENT_COUNT) - 1;
/// Those that come for every step or batch.
inline constexpr std::uint32_t step_events = 1u << TRAINER_ON_STEP_BEGIN | 1u << TRAINER_ON_PRE_OPTIMIZER_STEP |
                                             1u << TRAINER_ON_OPTIMIZER_STEP | 1u << TRAINER_ON_SUBSTEP_END |
                                             1u << TRAINER_ON_STEP_END | 1u << TRAINER_ON_PREDICTION_STEP;

/// Those that speak of files which the trainer removes or replaces later: checkpoints, and what lies in output_dir.
inline constexpr std::uint32_t file_events = 1u << TRAINER_ON_SAVE | 1u << TRAINER_ON_TRAIN_END;

/// The event's number, or TRAINER_EVENT_COUNT for a name that is no event.
constexpr std::uint32_t event_kind(std::string_view name) {
  std::uint32_t kind = 0;
  while (kind < TRAINER_EVENT_COUNT && event_names[kind] != name) ++kind;
  return kind;
}

/// The event's bit, or 0 for a name that is no event.
constexpr std::uint32_t event_bit(std::string_view name) {
  const std::uint32_t kind = event_kind(name);
  return kind < TRAINER_EVENT_COUNT ? 1u << kind : 0;
}

}  // namespace trainer::plugins
