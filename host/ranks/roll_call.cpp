// SPDX-License-Identifier: Apache-2.0
#include "ranks/roll_call.hpp"

#include <algorithm>
#include <sstream>
#include <thread>

#include "base/process.hpp"
#include "base/text.hpp"
#include "ranks/within.hpp"

namespace trainer {
namespace {

using RollCallClock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds a_moment{500};

std::string store_key(const char* what, int rank) { return std::string(what) + "/" + std::to_string(rank); }
std::vector<std::uint8_t> as_bytes(const std::string& text) { return {text.begin(), text.end()}; }

}  // namespace

RollCall::Meeting RollCall::meet(std::chrono::milliseconds timeout) {
  const auto deadline = RollCallClock::now() + timeout;
  store_->set(store_key("here", ranks_.rank),
              as_bytes(std::to_string(ranks_.world) + " " + std::to_string(ranks_.restart) + " " + host_name()));
  Meeting meeting;
  for (int rank = 0; rank < ranks_.world; ++rank) {
    const std::vector<std::string> key{store_key("here", rank)};
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - RollCallClock::now());
    try {
      store_->wait(key, std::max(left, std::chrono::milliseconds(1)));
    } catch (const c10::DistError&) {
      if (store_->check(key)) throw;
      meeting.late.push_back(rank);
      continue;
    }
    meeting.difference = difference_from(rank);
    if (!meeting.difference.empty()) return meeting;
  }
  return meeting;
}

// Of a rank that is here; its host is known from then on.
std::string RollCall::difference_from(int rank) {
  const auto bytes = store_->get(store_key("here", rank));
  std::istringstream text(std::string(bytes.begin(), bytes.end()));
  int world = 0, restart = 0;
  std::string& host = hosts_[static_cast<std::size_t>(rank)];
  text >> world >> restart >> host;
  const auto differs = [&](const char* what, int there, int here) {
    return std::string(what) + " is " + std::to_string(there) + " on " + names_of({rank}) + ", but " +
           std::to_string(here) + " on " + rank_text(ranks_) + "; start all ranks with one launcher";
  };
  if (world != ranks_.world) return differs("the number of ranks (WORLD_SIZE)", world, ranks_.world);
  if (restart != ranks_.restart) return differs("TORCHELASTIC_RESTART_COUNT", restart, ranks_.restart);
  return "";
}

void RollCall::mark(const char* what) const {
  store_->setTimeout(a_moment);
  store_->set(store_key(what, ranks_.rank), std::string("1"));
}

void RollCall::tell_end() noexcept try {
  if (has_failed_) return;
  within(RollCallClock::now() + a_moment, [call = *this] {
    call.mark("ended");
    return true;
  });
} catch (const std::exception&) {  // nobody is there to be told
}

RollCall::Absent RollCall::look_around() const {
  mark("failed");
  const auto deadline = RollCallClock::now() + a_moment;
  while (true) {
    Absent absent;
    for (int rank = 0; rank < ranks_.world; ++rank) {
      if (store_->check({store_key("ended", rank)}))
        absent.ended.push_back(rank);
      else if (!store_->check({store_key("failed", rank)}))
        absent.missing.push_back(rank);
    }
    // One that has ended by itself is why, whoever else has not noticed yet.
    if (!absent.ended.empty() || absent.missing.empty() || ranks_.world == 2 || RollCallClock::now() >= deadline)
      return absent;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

RollCall::Absent RollCall::after_failure() noexcept {
  has_failed_ = true;
  try {
    const auto deadline = RollCallClock::now() + a_moment + std::chrono::milliseconds(200);
    if (const auto absent = within(deadline, [call = *this] { return call.look_around(); })) return *absent;
  } catch (const std::exception&) {
  }
  if (ranks_.agent_store) return {};
  return {.ended = {}, .missing = {0}};  // where the store was
}

std::string RollCall::names_of(const std::vector<int>& ranks) const {
  std::vector<std::string> names;
  for (const int rank : ranks) {
    const auto at = static_cast<std::size_t>(rank);
    names.push_back(std::to_string(rank) + (hosts_[at].empty() ? std::string() : " (host " + hosts_[at] + ")"));
  }
  return (ranks.size() == 1 ? "rank " : "ranks ") + join(names, " and ");
}

}  // namespace trainer
