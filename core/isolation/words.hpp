// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "trainer/isolation.hpp"

namespace trainer::isolation {

std::string seconds_text(double seconds);  ///< "60 s", "0.5 s"

/// "400000000 bytes, expected at most 268435456": of a message that no connection takes.
std::string too_long(std::size_t size);

/// How often the process of a plugin is started again at most.
inline constexpr int most_restarts = 3;

/// "; it is started again (1 of 3)", and after the last "; it has been started again 3 times; the run goes on without
/// it": ends a warning. `restarts`: how often it has been done, this time included.
std::string restart_text(int restarts);

/// "its process ended with signal 11": of what child::Process::ended() says; nothing: it only closed its stream.
std::string how_it_ended(const std::optional<std::string>& ended, const Isolation& isolation);

}  // namespace trainer::isolation
