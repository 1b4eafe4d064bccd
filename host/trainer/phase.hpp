// SPDX-License-Identifier: Apache-2.0
//
// The way out of a Trainer for exceptions.
#pragma once

#include <cstdint>
#include <optional>

namespace trainer {

/// In a handler: throws what was caught as an Error with this phase and step. One that left a phase within this one
/// keeps its own.
[[noreturn]] void rethrow_in_phase(const char* phase, std::optional<std::int64_t> step);

/// Calls `f` as a phase of the Trainer ("train", "evaluate", "checkpoint" ...): whatever it throws leaves as an Error
/// that names the phase, and the step that `step` is by then.
template <typename F>
decltype(auto) in_phase(const char* phase, const std::int64_t& step, F&& f) {
  try {
    return f();
  } catch (...) {
    rethrow_in_phase(phase, step);
  }
}

}  // namespace trainer
