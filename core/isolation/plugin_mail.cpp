// SPDX-License-Identifier: Apache-2.0
#include "isolation/plugin_mail.hpp"

#include <algorithm>

#include "isolation/plugin_answers.hpp"
#include "state/moment.hpp"
#include "trainer/log.hpp"

namespace trainer::isolation {

bool PluginMail::hear(std::string_view message) {
  if (!std::exchange(greeted_, true)) {
    waiting_ += message.size();
    return false;
  }
  Reader in(message, most_values);
  switch (in.get<Message>()) {
    case Message::log: {
      const auto level = std::min(in.get<std::uint32_t>(), std::uint32_t{3});
      log::write(static_cast<log::Level>(level), in.text());
      return true;
    }
    case Message::failed: {
      Failure failure = Failure::get(in);
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::move(failure);
      failures_between_events.fetch_add(1, std::memory_order_relaxed);
      return true;
    }
    case Message::state: {
      json::object state = read_state(in);
      const std::lock_guard lock(mutex_);
      state_ = std::move(state);
      return true;
    }
    case Message::stop:
      stop_requested_ = true;
      stop_requests.fetch_add(1, std::memory_order_release);
      return true;
    case Message::waits:
      wants_answers_ = true;
      return true;
    case Message::answer:
    case Message::request: {
      const std::size_t before = waiting_.fetch_add(message.size());
      if (before > 0 && before + message.size() > most_waiting_bytes) throw BadBytes();
      return false;
    }
    default:
      throw BadBytes();
  }
}

std::optional<Failure> PluginMail::take_failure() {
  const std::lock_guard lock(mutex_);
  return std::exchange(failure_, std::nullopt);
}

void PluginMail::forget_state() {
  const std::lock_guard lock(mutex_);
  state_ = {};
}

json::object PluginMail::last_state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

}  // namespace trainer::isolation
