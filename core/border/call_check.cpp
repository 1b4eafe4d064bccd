// SPDX-License-Identifier: Apache-2.0
#include "border/call_check.hpp"

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "trainer/log.hpp"

namespace trainer::call_check {
namespace {

std::mutex mutex;

std::map<std::string, std::string, std::less<>>& misuses() {
  static std::map<std::string, std::string, std::less<>> all;
  return all;
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && std::string_view(value) == "1";
}

// What runs in a thread of its own must not hold up the trainer: the first misuse counts, the others are alike.
void record_misuse(std::string_view plugin, const std::string& sentence) {
  {
    const std::lock_guard lock(mutex);
    if (!misuses().emplace(plugin, sentence).second) return;
  }
  log::error("plugin " + std::string(plugin) + " " + sentence);
}

}  // namespace

const bool on = is_set("TRAINER_CHECK_PLUGINS");

bool breaks_rule(std::string_view plugin, const Moment* maker, const char* function, When when) {
  if (moment_or_null() != maker) {
    record_misuse(plugin,
                  std::string("called ") + function +
                      " on a thread of its own, expected the trainer's; take the value in create or in an event, and "
                      "hand it over to the thread");
    return true;
  }
  // On the trainer's thread, whoever calls within an event is the callback whose event it is.
  if (when == When::trainer_thread || (maker->callback != 0 && maker->call < TRAINER_EVENT_COUNT)) return false;
  record_misuse(plugin,
                std::string("called ") + function + " outside of an event, expected within one; call it from a slot");
  return true;
}

bool breaks_rule(const Moment* maker, const char* function) {
  if (moment_or_null() == maker) return false;
  const std::uint32_t asked = maker->callback;
  return breaks_rule(asked ? moments.name_of(asked) : "?", maker, function, When::trainer_thread);
}

std::string take_misuse(const std::string& plugin) {
  const std::lock_guard lock(mutex);
  const auto found = misuses().find(plugin);
  return found == misuses().end() ? std::string() : std::exchange(found->second, {});
}

}  // namespace trainer::call_check
