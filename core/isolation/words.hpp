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

/// "its process ended with signal 11": of what child::Process::ended() says; nothing: it only closed its stream.
std::string how_it_ended(const std::optional<std::string>& ended, const Isolation& isolation);

}  // namespace trainer::isolation
