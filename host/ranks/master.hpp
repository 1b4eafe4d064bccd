// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace trainer {

/// Waits until somebody listens at HOST:PORT; empty when somebody does, else why not: "nobody listens there". A name
/// that is not known may become so, as in a cluster that is starting, and is waited for, too.
std::string wait_for_listener(const std::string& host, std::uint16_t port,
                              std::chrono::steady_clock::time_point deadline);

}  // namespace trainer
