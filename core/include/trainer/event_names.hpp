// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/callback.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace trainer {

/// The sixteen events by their number (TRAINER_ON_...): the names of transformers' TrainerCallback.
inline constexpr std::array<std::string_view, TRAINER_EVENT_COUNT> event_names = {
#define TRAINER_EVENT_NAME(event) #event,
    TRAINER_FOR_EACH_SLOT(TRAINER_EVENT_NAME)
#undef TRAINER_EVENT_NAME
};
static_assert(event_names[TRAINER_ON_STEP_END] == "on_step_end");
static_assert(event_names[TRAINER_ON_PUSH_BEGIN] == "on_push_begin");

/// The name of event `kind`, or empty for a number that is not one.
constexpr std::string_view event_name(std::uint32_t kind) {
  return kind < event_names.size() ? event_names[kind] : std::string_view();
}

/// The number of the event called `name`.
constexpr std::optional<std::uint32_t> event_from_name(std::string_view name) {
  for (std::uint32_t kind = 0; kind < event_names.size(); ++kind)
    if (event_names[kind] == name) return kind;
  return std::nullopt;
}

}  // namespace trainer
