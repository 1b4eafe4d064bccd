// SPDX-License-Identifier: Apache-2.0
#include "ranks/roll_call.hpp"

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

std::vector<int> RollCall::meet(std::chrono::milliseconds timeout) {
  std::vector<std::string> keys;
  for (int rank = 0; rank < ranks_.world; ++rank) keys.push_back(store_key("here", rank));
  store_->set(keys[static_cast<std::size_t>(ranks_.rank)], as_bytes(host_name()));
  std::vector<int> late;
  try {
    store_->wait(keys, timeout);
  } catch (const c10::DistError&) {
    for (int rank = 0; rank < ranks_.world; ++rank)
      if (!store_->check({keys[static_cast<std::size_t>(rank)]})) late.push_back(rank);
    if (late.empty()) throw;
    return late;
  }
  for (const std::string& one : keys) {
    const auto host = store_->get(one);
    hosts_.emplace_back(host.begin(), host.end());
  }
  return late;
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
    names.push_back(std::to_string(rank) + (at < hosts_.size() ? " (host " + hosts_[at] + ")" : std::string()));
  }
  return (ranks.size() == 1 ? "rank " : "ranks ") + join(names, " and ");
}

}  // namespace trainer
