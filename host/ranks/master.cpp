// SPDX-License-Identifier: Apache-2.0
#include "ranks/master.hpp"

#include <algorithm>
#include <thread>

namespace trainer {

using Clock = std::chrono::steady_clock;

int milliseconds_until(Clock::time_point deadline) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 1 << 30));
}

std::string wait_for_listener(const std::string& host, std::uint16_t port, Clock::time_point deadline) {
  while (true) {
    std::string reason = try_listener(host, port, deadline);
    if (reason.empty() || Clock::now() >= deadline) return reason;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

}  // namespace trainer
