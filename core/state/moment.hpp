// SPDX-License-Identifier: Apache-2.0
//
// Who is being asked for what now, for those that must know it from anywhere: the report of a crash or of an exit,
// the watchdog, and the check of calls. CallbackHandler says it for events, AskedFor (border/plugin_call.hpp) for
// every other call into a plugin.
#pragma once

#include <trainer/event.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace trainer {

/// What a plugin can be asked for: the events by their numbers (TRAINER_ON_...), and the calls that are none.
enum class Call : std::uint32_t {
  load = TRAINER_EVENT_COUNT,  ///< its constructors
  entry,
  plugin_get_extension,
  available,
  create,
  get_extension,
  class_name,
  save,
  restore,
  line,
  ended,
  results,
  save_files,
  load_files,
  destroy,
  end,  ///< of the process: its exit handlers and destructors
  count
};

/// "on_log", "create", "trainer.state/1 save".
std::string_view name_of_call(std::uint32_t call);

/// Who sees to a call that does not come back.
enum class Watched : std::uint32_t {
  by_watchdog,
  by_caller,  ///< on another thread, which waits for this one
  no_more,    ///< the caller has gone on without it
};

/// Of one thread. It is written with plain stores: one event sets all but `callback` once.
struct Moment {
  std::atomic<std::uint64_t> number{0};    ///< of the call: no two of a thread have one
  std::atomic<std::uint64_t> last{0};      ///< the highest number so far
  std::atomic<std::uint32_t> callback{0};  ///< its known name (known_name()); 0: none is being asked
  std::atomic<std::uint32_t> call{0};
  std::atomic<std::int64_t> step{-1};  ///< of the last event; -1: there was none
  std::atomic<Watched> watched{Watched::by_watchdog};
  std::atomic<std::uint32_t> taken{0};  ///< by a thread
};

#if defined(_WIN32)
inline constexpr std::size_t alignment_of_moments = 8192;  // the most that its object files know
#else
inline constexpr std::size_t alignment_of_moments = 16384;  // of a page, on every machine
#endif

/// The moments of all threads, with the names, in memory pages of their own: the report of crashes lays a file under
/// them (crash_report), in which they stand when the process has ended in whatever way.
struct alignas(alignment_of_moments) Moments {
  static constexpr std::size_t most_threads = 16, most_names = 120, longest_name = 127;
  char magic[16] = "trainer moments";
  std::atomic<std::uint32_t> names{1};
  Moment of[most_threads];
  char name[most_names][longest_name + 1] = {};  ///< the first one is that of nobody
  bool apart[most_names] = {};                   ///< it has a process of its own

  /// Whether a call into it can end this process: it is somebody's, and made here.
  bool can_end_process(std::uint32_t callback) const {
    return callback != 0 && (callback >= most_names || !apart[callback]);
  }

  /// The name of Moment::callback, whatever a file may hold; signal handlers may ask.
  std::string_view name_of(std::uint32_t callback) const {
    if (callback >= most_names || name[callback][0] == 0) return "(without a name)";
    std::size_t size = 0;
    while (size < longest_name && name[callback][size] != 0) ++size;
    return {name[callback], size};
  }
};
static_assert(sizeof(Moments) == 16384);
extern Moments moments;

/// The number of a callback's name, for Moment::callback. A name is cut at its longest, and beyond the most names
/// all are "another callback". `apart`: its plugin has a process of its own, and cannot end this one.
std::uint32_t known_name(std::string_view name, bool apart = false);

namespace detail {
#if defined(__GNUC__)
#define TRAINER_EARLY_THREAD_LOCAL __attribute__((tls_model("initial-exec")))
#else
#define TRAINER_EARLY_THREAD_LOCAL
#endif
extern constinit thread_local Moment* own_moment TRAINER_EARLY_THREAD_LOCAL;  ///< null: the thread has none yet
Moment& take_moment();
}  // namespace detail

/// That of this thread.
inline Moment& moment() { return detail::own_moment ? *detail::own_moment : detail::take_moment(); }

/// The same, for signal handlers: null when the thread has none.
inline const Moment* moment_or_null() { return detail::own_moment; }

/// How often a callback failed where nobody could be told at once, such as in a console line; the next event looks
/// for it (CallbackEntry::take_failure_between_events).
inline std::atomic<std::uint32_t> failures_between_events{0};

/// How often a plugin asked for the end of its training, on whatever thread (CallbackEntry::take_stop_request).
inline std::atomic<std::uint32_t> stop_requests{0};

}  // namespace trainer
