// SPDX-License-Identifier: Apache-2.0
//
// What a benchmark asks of the clock and of its process.
#pragma once

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>

namespace bench {

using Clock = std::chrono::steady_clock;

inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// A line of /proc/self/status in kilobytes: "VmRSS" or "VmHWM".
inline long memory_kb(const std::string& name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.rfind(name + ":", 0) == 0) return std::atol(line.c_str() + name.size() + 1);
  return 0;
}

/// Seconds since the driver started this process: BENCH_START is its reading of the same clock (CLOCK_MONOTONIC),
/// in nanoseconds.
inline double seconds_since_launch() {
  const char* start = std::getenv("BENCH_START");
  if (start == nullptr) return 0;
  const auto launched = Clock::time_point(std::chrono::nanoseconds(std::atoll(start)));
  return seconds_since(launched);
}

}  // namespace bench
