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

/// One try of it, of the system, for which this is what is left until the deadline.
/// @{
std::string try_listener(const std::string& host, std::uint16_t port, std::chrono::steady_clock::time_point deadline);
int milliseconds_until(std::chrono::steady_clock::time_point deadline);
/// @}

}  // namespace trainer
