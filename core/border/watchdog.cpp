// SPDX-License-Identifier: Apache-2.0
#include "border/watchdog.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <mutex>
#include <semaphore>
#include <string>
#include <system_error>
#include <thread>

#include "base/process.hpp"
#include "discovery/platform.hpp"
#include "state/moment.hpp"
#include "trainer/error.hpp"
#include "trainer/json.hpp"
#include "trainer/log.hpp"

namespace trainer {
namespace {

using Clock = std::chrono::steady_clock;
using Seconds = std::chrono::duration<double>;

// What was seen of a thread, since when.
struct Seen {
  std::uint64_t number = 0;
  std::uint32_t callback = 0;
  Clock::time_point since;
  bool told = false;
};

void tell(const Moment& moment, std::uint32_t callback, Seconds waited) {
  const std::string name(moments.name_of(callback));
  const std::int64_t step = moment.step.load(std::memory_order_relaxed);
  log::warning_at_once(
      with_id("callback " + name + " holds up the run: it has been in " + std::string(name_of_call(moment.call)) +
                  (step < 0 ? "" : " at step " + std::to_string(step)) + " for " +
                  json::repr(std::round(waited.count() * 10) / 10) + " s; the run waits for it (--without " + name +
                  " leaves it out, TRAINER_PLUGIN_DEADLINE sets after how many seconds this is reported)",
              error_id::callback_slow));
}

void look(Seen& seen, const Moment& moment, Seconds deadline) {
  const std::uint64_t number = moment.number.load(std::memory_order_relaxed);
  const std::uint32_t callback = moment.callback.load(std::memory_order_relaxed);
  const bool watched = moment.taken.load(std::memory_order_relaxed) != 0 &&
                       moment.watched.load(std::memory_order_relaxed) == Watched::by_watchdog && callback != 0;
  const auto now = Clock::now();
  if (!watched || seen.number != number || seen.callback != callback) {
    seen = {number, watched ? callback : 0, now};
  } else if (!seen.told && now - seen.since >= deadline) {
    if (platform::is_traced()) return void(seen.since = now);
    seen.told = true;
    tell(moment, callback, now - seen.since);
  }
}

// One for all that watch. Never destroyed.
struct Watch {
  std::mutex mutex;
  int holders = 0;
  std::thread thread;
  std::binary_semaphore stop{0};
  std::int64_t process = 0;

  void run(Seconds deadline) {
    const Seconds period = std::clamp(deadline / 8, Seconds(0.001), Seconds(1));
    std::array<Seen, Moments::most_threads> seen;
    while (!stop.try_acquire_for(period))
      for (std::size_t i = 0; i < seen.size(); ++i) look(seen[i], moments.of[i], deadline);
  }

  void start(Seconds deadline) {
    if (deadline.count() <= 0) return;
    const WithoutSignals while_it_starts;
    try {
      thread = std::thread([this, deadline] { run(deadline); });
      process = process_id();
    } catch (const std::system_error& e) {
      log::debug(std::string("the plugins are not watched: ") + e.what());
    }
  }

  void end() {
    if (!thread.joinable()) return;
    if (process != process_id()) return thread.detach();  // a process that was forked off has no such thread
    stop.release();
    thread.join();
  }
};

Watch& the_watch() {
  static auto* watch = new Watch;
  return *watch;
}

}  // namespace

Watchdog::Watchdog() {
  Watch& watch = the_watch();
  const Seconds limit = deadline();
  const std::lock_guard lock(watch.mutex);
  if (watch.holders++ == 0) watch.start(limit);
}

Watchdog::~Watchdog() {
  Watch& watch = the_watch();
  const std::lock_guard lock(watch.mutex);
  if (--watch.holders == 0) watch.end();
}

Seconds Watchdog::deadline() {
  const char* text = std::getenv("TRAINER_PLUGIN_DEADLINE");
  if (!text || !*text) return Seconds(60);
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (*end == '\0' && value >= 0 && value <= 1e6) return Seconds(value);
  throw_usage(error_id::arguments_invalid, std::string("TRAINER_PLUGIN_DEADLINE is \"") + text +
                                               "\", expected a number of seconds from 0 to 1000000; 0 turns this off");
}

}  // namespace trainer
