// SPDX-License-Identifier: Apache-2.0
#include "state/moment.hpp"

#include <cstring>
#include <iterator>
#include <mutex>

#include "trainer/event_names.hpp"

namespace trainer {

constinit Moments moments;

namespace {

constexpr std::string_view names_of_calls[] = {"its loading",
                                               "trainer_plugin_entry",
                                               "the plugin's get_extension",
                                               "trainer.tracker/1 available",
                                               "create",
                                               "get_extension",
                                               "trainer.state/1 class_name",
                                               "trainer.state/1 save",
                                               "trainer.state/1 load",
                                               "trainer.console/1 line",
                                               "trainer.outcome/1 ended",
                                               "trainer.results/1 at",
                                               "trainer.checkpoint/1 save",
                                               "trainer.checkpoint/1 load",
                                               "destroy",
                                               "exit handlers, its own or a library's,"};
static_assert(std::size(names_of_calls) == static_cast<std::size_t>(Call::count) - TRAINER_EVENT_COUNT);

// The moment goes back when its thread ends. The thread's pointer stays, for what is called by exit() afterwards.
struct GivesBack {
  Moment* moment = nullptr;
  ~GivesBack() {
    if (moment) moment->taken.store(0, std::memory_order_release);
  }
};

}  // namespace

std::string_view name_of_call(std::uint32_t call) {
  if (call < TRAINER_EVENT_COUNT) return event_name(call);
  return call < static_cast<std::uint32_t>(Call::count) ? names_of_calls[call - TRAINER_EVENT_COUNT] : "a call";
}

std::uint32_t known_name(std::string_view name, bool apart) {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  name = name.substr(0, Moments::longest_name);
  const std::uint32_t known = moments.names.load(std::memory_order_relaxed);
  for (std::uint32_t i = 1; i < known; ++i)
    if (name == moments.name[i] && apart == moments.apart[i]) return i;
  if (known == Moments::most_names) return known - 1;
  if (known == Moments::most_names - 1) name = "another callback";
  std::memcpy(moments.name[known], name.data(), name.size());
  moments.apart[known] = apart && known + 1 < Moments::most_names;
  moments.names.store(known + 1, std::memory_order_release);
  return known;
}

namespace detail {

constinit thread_local Moment* own_moment = nullptr;

Moment& take_moment() {
  thread_local Moment unseen;  // when there are more threads than anybody looks at
  thread_local GivesBack gives_back;
  for (std::uint32_t i = 0; i < Moments::most_threads && !own_moment; ++i) {
    if (moments.of[i].taken.exchange(1, std::memory_order_acquire) != 0) continue;
    own_moment = gives_back.moment = &moments.of[i];
  }
  if (!own_moment) own_moment = &unseen;
  own_moment->callback = 0, own_moment->step = -1, own_moment->watched = Watched::by_watchdog;
  return *own_moment;
}

}  // namespace detail

}  // namespace trainer
