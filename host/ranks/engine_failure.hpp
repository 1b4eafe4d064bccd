// SPDX-License-Identifier: Apache-2.0
//
// What c10d and Gloo throw, as an Error with one sentence; and their own lines kept off the terminal.
#pragma once

#include <chrono>
#include <string>

#include "ranks/ranks.hpp"

namespace trainer {

class RollCall;

/// LibTorch's log lines and the stacks in its exceptions are left out from here on, unless TORCH_CPP_LOG_LEVEL asks
/// for them.
void quiet_engine();

/// In a handler: whether c10d or Gloo threw what was caught.
bool is_engine_failure();
/// ranks.unreachable: of rank 0, for a reason; and of ranks that rank 0 and all others wait for ("rank 2").
[[noreturn]] void throw_unreachable(const Ranks& ranks, std::chrono::seconds timeout, const std::string& reason);
[[noreturn]] void throw_late(const Ranks& ranks, std::chrono::seconds timeout, const std::string& late);
/// In a handler, of making the group: throws ranks.unreachable. An Error stays as it is.
[[noreturn]] void rethrow_start_failure(const Ranks& ranks, std::chrono::seconds timeout);
/// In a handler, of a call of the group ("an all-gather"): throws ranks.timeout or ranks.lost, which name the rank that
/// is missing. An Error stays as it is.
[[noreturn]] void rethrow_call_failure(RollCall& roll_call, const Ranks& ranks, std::chrono::seconds timeout,
                                       const std::string& call);

}  // namespace trainer
