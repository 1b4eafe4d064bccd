// SPDX-License-Identifier: Apache-2.0
//
// Waits between tries: Retry-After, and a growing pause with jitter.
#include "shared/http/retry.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

namespace trainer::plugins::http {
namespace {

// As urllib3 2 has it, so that a wrong header does not stop a run's client for a day.
constexpr double longest_asked_for = 6 * 60 * 60;

/// "Sun, 06 Nov 1994 08:49:37 GMT" as seconds since 1970; negative when it is none.
double http_date(std::string_view text) {
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = -1;
    std::from_chars(text.data() + at, text.data() + at + size, value);
    return value;
  };
  if (text.size() < 29 || text.substr(26, 3) != "GMT") return -1;
  const auto month = std::string_view(months).find(text.substr(8, 3));
  if (month == std::string_view::npos || month % 3 != 0) return -1;
  const std::chrono::year_month_day date{std::chrono::year(number(12, 4)),
                                         std::chrono::month(static_cast<unsigned>(month / 3 + 1)),
                                         std::chrono::day(static_cast<unsigned>(std::max(0, number(5, 2))))};
  if (!date.ok() || number(17, 2) < 0 || number(20, 2) < 0 || number(23, 2) < 0) return -1;
  const std::chrono::sys_days days(date);
  return static_cast<double>(days.time_since_epoch().count()) * 86400 + number(17, 2) * 3600 + number(20, 2) * 60 +
         number(23, 2);
}

}  // namespace

bool is_transient(int status) {
  switch (status) {
    case 408:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
      return true;
    default:
      return false;
  }
}

double retry_after(std::string_view header, std::chrono::system_clock::time_point now) {
  if (header.empty()) return -1;
  long seconds = 0;
  const auto [end, error] = std::from_chars(header.data(), header.data() + header.size(), seconds);
  if (error == std::errc() && end == header.data() + header.size())
    return seconds < 0 ? -1 : std::min(static_cast<double>(seconds), longest_asked_for);
  const double date = http_date(header);
  if (date < 0) return -1;
  const double today = std::chrono::duration<double>(now.time_since_epoch()).count();
  return std::clamp(date - today, 0.0, longest_asked_for);
}

double RetryPolicy::delay(int number, double random, const Response* response) const {
  if (response != nullptr && respect_retry_after) {
    const double asked = retry_after(response->header("Retry-After"), std::chrono::system_clock::now());
    if (asked >= 0) return asked;
  }
  const double backoff = number <= 1 ? 0 : backoff_factor * std::ldexp(1.0, std::min(number, 30) - 1);
  return std::clamp(backoff + random * jitter, 0.0, longest_delay);
}

Response send_with_retries(Client& client, const Request& request, const RetryPolicy& policy, Interrupt& interrupt) {
  thread_local std::minstd_rand generator{std::random_device{}()};
  std::uniform_real_distribution<double> random(0, 1);
  for (int number = 1;; ++number) {
    const bool last = number > policy.retries;
    double delay = 0;
    try {
      Response response = client.send(request);
      if (!is_transient(response.status) || last) return response;
      delay = policy.delay(number, random(generator), &response);
      if (!interrupt.wait(delay)) return response;
    } catch (const Error& error) {
      if (error.kind() == Error::Kind::interrupted || error.kind() == Error::Kind::tls || last) throw;
      if (!interrupt.wait(policy.delay(number, random(generator), nullptr))) throw;
    }
  }
}

}  // namespace trainer::plugins::http
