// SPDX-License-Identifier: Apache-2.0
//
// The time of day, as numbers and as the texts that trackers' files have.
#pragma once

#include <cstdint>
#include <ctime>
#include <string>

namespace trainer::plugins {

// Since 1970.
std::int64_t nanoseconds_now();
std::int64_t milliseconds_now();
double seconds_now();  ///< as Python's time.time()

/// Of a clock that never goes back.
double monotonic_seconds();

std::string utc_now();          ///< as Python's datetime.isoformat() writes it, with microseconds and +00:00
std::string local_timestamp();  ///< 2026-11-23T16:17:34, local time
std::string time_name(std::int64_t nanoseconds);  ///< YYYYMMDD_HHMMSS, local time

// clock_posix.cpp, clock_windows.cpp
std::tm local_time(std::time_t seconds);

}  // namespace trainer::plugins
