// SPDX-License-Identifier: Apache-2.0
//
// Numbers and texts of the standard clocks.
#include "shared/system/clock.hpp"

#include <chrono>
#include <cstdio>

namespace trainer::plugins {
namespace {

template <typename Unit>
std::int64_t since_1970() {
  return std::chrono::duration_cast<Unit>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::string local_text(std::time_t seconds, const char* format) {
  const std::tm parts = local_time(seconds);
  char text[32];
  return {text, std::strftime(text, sizeof text, format, &parts)};
}

}  // namespace

std::int64_t nanoseconds_now() { return since_1970<std::chrono::nanoseconds>(); }

std::int64_t milliseconds_now() { return since_1970<std::chrono::milliseconds>(); }

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string utc_now() {
  using namespace std::chrono;
  const auto now = floor<microseconds>(system_clock::now());
  const auto day = floor<days>(now);
  const year_month_day date(day);
  const hh_mm_ss time(now - day);
  char text[48];
  std::snprintf(text, sizeof text, "%04d-%02u-%02uT%02d:%02d:%02d.%06d+00:00", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(time.hours().count()), static_cast<int>(time.minutes().count()),
                static_cast<int>(time.seconds().count()), static_cast<int>(time.subseconds().count()));
  return text;
}

std::string local_timestamp() { return local_text(std::time(nullptr), "%Y-%m-%dT%H:%M:%S"); }

std::string time_name(std::int64_t nanoseconds) {
  return local_text(static_cast<std::time_t>(nanoseconds / 1'000'000'000), "%Y%m%d_%H%M%S");
}

}  // namespace trainer::plugins
