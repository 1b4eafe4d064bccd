// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "trainer/isolation.hpp"

namespace trainer::isolation {

std::string seconds_text(double seconds);  ///< "60 s", "0.5 s"

/// "its process ended with signal 11": of what child::Process::ended() says; nothing: it only closed its stream.
std::string how_it_ended(const std::optional<std::string>& ended, const Isolation& isolation);

}  // namespace trainer::isolation
