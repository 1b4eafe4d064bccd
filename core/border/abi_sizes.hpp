// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/ext/checkpoint.h>
#include <trainer/ext/console.h>
#include <trainer/ext/optimizer.h>
#include <trainer/ext/outcome.h>
#include <trainer/ext/parameters.h>
#include <trainer/ext/process.h>
#include <trainer/ext/ranks.h>
#include <trainer/ext/results.h>
#include <trainer/ext/state.h>
#include <trainer/ext/tracker.h>
#include <trainer/plugin.h>

#include <cstdint>

namespace trainer {

/// The size of a plugin's struct in the version of the contract that brought it: the least that a host of this major
/// takes. A field that is appended later does not change it; who reads such a field asks
/// TRAINER_OFFERS first. Another type than these does not link.
template <typename T>
extern const std::uint32_t least_size;

template <>
inline constexpr std::uint32_t least_size<trainer_plugin> = TRAINER_SIZE_TO(trainer_plugin, get_extension);
template <>
inline constexpr std::uint32_t least_size<trainer_callback> = TRAINER_SIZE_TO(trainer_callback, on_push_begin);
template <>
inline constexpr std::uint32_t least_size<trainer_value> = TRAINER_SIZE_TO(trainer_value, text);
template <>
inline constexpr std::uint32_t least_size<trainer_tensor> = TRAINER_SIZE_TO(trainer_tensor, stream);
template <>
inline constexpr std::uint32_t least_size<trainer_param_group> = TRAINER_SIZE_TO(trainer_param_group, parameter_count);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_tracker> = TRAINER_SIZE_TO(trainer_ext_tracker, available);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_state> = TRAINER_SIZE_TO(trainer_ext_state, class_name);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_console> = TRAINER_SIZE_TO(trainer_ext_console, line);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_ranks> = TRAINER_SIZE_TO(trainer_ext_ranks, reserved2);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_results> = TRAINER_SIZE_TO(trainer_ext_results, at);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_outcome> = TRAINER_SIZE_TO(trainer_ext_outcome, ended);
template <>
inline constexpr std::uint32_t least_size<trainer_ext_checkpoint_files> =
    TRAINER_SIZE_TO(trainer_ext_checkpoint_files, load);
template <>
inline constexpr std::uint32_t least_size<trainer_process> = TRAINER_SIZE_TO(trainer_process, restart_count);

/// Whether a struct that a plugin made says that it has at least these bytes.
template <typename T>
bool has_least_size(const T& given) {
  return given.struct_size >= least_size<T>;
}

}  // namespace trainer
