// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <type_traits>

#include "state/moment.hpp"
#include "trainer/error.hpp"

namespace trainer {

/// While it lives, the thread's moment says that a callback is being asked for this. Inline: each event makes one.
class AskedFor {
 public:
  AskedFor(Moment& now, std::uint32_t call)
      : now_(now), number_(get(now.number)), callback_(get(now.callback)), call_(get(now.call)) {
    const std::uint64_t number = get(now.last) + 1;
    set(now.last, number);
    set(now.number, number);
    set(now.call, call);
  }
  /// Of a plugin, and no event.
  AskedFor(std::string_view plugin, Call call);
  /// A call within a call goes back to that one.
  ~AskedFor() {
    set(now_.callback, callback_);
    set(now_.call, call_);
    set(now_.number, number_);
  }
  AskedFor(const AskedFor&) = delete;

  void is(std::uint32_t callback) { set(now_.callback, callback); }  ///< by known_name(); 0: nobody
  void at(std::int64_t step) { set(now_.step, step); }

 private:
  template <typename T>
  static T get(const std::atomic<T>& of) {
    return of.load(std::memory_order_relaxed);
  }
  template <typename T>
  static void set(std::atomic<T>& of, T value) {
    of.store(value, std::memory_order_relaxed);
  }

  Moment& now_;
  std::uint64_t number_;
  std::uint32_t callback_, call_;
};

/// The plugins that an instance was made of so far, for a sentence: "csv or mlflow"; empty when there was none.
std::string plugins_made();

/// What is being called, for moments and messages.
struct Called {
  std::string_view callback;  ///< by its name in the run
  Call call;
  std::string where;  ///< starts the sentence: "plugin csv (/p/csv.so) "
  ErrorKind kind = ErrorKind::usage;
};

/// Throws the Error (plugin.threw) for an exception that left the plugin. To be called within a handler of it.
[[noreturn]] void throw_for_exception(const Called& called);

/// The way into a plugin, for all but events (CallbackHandler::call): `function` is nothing but the call. An exception
/// that leaves the plugin, which none may do, is an Error that names it.
template <typename F>
auto call_plugin(const Called& called, F&& function) -> std::invoke_result_t<F> {
  const AskedFor asked(called.callback, called.call);
  try {
    return function();
  } catch (...) {
    throw_for_exception(called);
  }
}

}  // namespace trainer
