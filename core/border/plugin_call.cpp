// SPDX-License-Identifier: Apache-2.0
#include "border/plugin_call.hpp"

#include <functional>
#include <mutex>
#include <set>

#include "base/text.hpp"

namespace trainer {
namespace {

struct Plugins {
  std::mutex mutex;
  std::set<std::string, std::less<>> made;
};

Plugins& all_plugins() {
  static auto* plugins = new Plugins;  // never destroyed: it is asked for at the end of the process
  return *plugins;
}

}  // namespace

AskedFor::AskedFor(std::string_view plugin, Call call) : AskedFor(moment(), static_cast<std::uint32_t>(call)) {
  is(known_name(plugin));
  if (call != Call::create) return;
  auto& [mutex, made] = all_plugins();
  const std::lock_guard lock(mutex);
  if (made.find(plugin) == made.end()) made.emplace(plugin);
}

std::string plugins_made() {
  auto& [mutex, made] = all_plugins();
  const std::lock_guard lock(mutex);
  return join({made.begin(), made.end()}, " or ");
}

void throw_for_exception(const Called& called) {
  std::string what;
  try {
    throw;
  } catch (const std::exception& e) {
    what = std::string(": ") + e.what();
  } catch (...) {
  }
  throw Error(called.kind, error_id::plugin_threw,
              called.where + "threw an exception in " +
                  std::string(name_of_call(static_cast<std::uint32_t>(called.call))) + what +
                  "; a plugin must catch its own" + (called.call == Call::create ? " and return TRAINER_ERROR" : ""));
}

}  // namespace trainer
