// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/ext/console.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

#include <cstdint>

namespace trainer {

/// The size of a plugin's struct in version 1.0 of the contract: the least that a host of this major
/// takes. A field that is appended later does not change it; who reads such a field asks
/// TRAINER_OFFERS first.
template <typename T>
inline constexpr std::uint32_t least_size = 0;

template <>
inline constexpr std::uint32_t least_size<trainer_plugin> = TRAINER_SIZE_TO(trainer_plugin, get_extension);
template <>
inline constexpr std::uint32_t least_size<trainer_callback> = TRAINER_SIZE_TO(trainer_callback, on_push_begin);
template <>
inline constexpr std::uint32_t least_size<trainer_value> = TRAINER_SIZE_TO(trainer_value, text);
template <>
inline constexpr std::uint32_t least_size<trainer_tensor> = TRAINER_SIZE_TO(trainer_tensor, stream);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_tracker> = TRAINER_SIZE_TO(trainer_ext_tracker, available);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_state> = TRAINER_SIZE_TO(trainer_ext_state, class_name);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_console> = TRAINER_SIZE_TO(trainer_ext_console, line);

}  // namespace trainer
