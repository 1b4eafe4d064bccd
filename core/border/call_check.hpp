// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "state/moment.hpp"

/// With TRAINER_CHECK_PLUGINS=1 in the environment, each call of a plugin to the host is checked against the
/// thread and the state that the last words of the function's comment in plugin_api state. A call that breaks
/// them is not carried out; it is an error of the plugin. tests/abi/call_rules.py compares the calls of this
/// with the comments.
namespace trainer::call_check {

enum class When {
  trainer_thread,        ///< [trainer-thread]
  trainer_thread_event,  ///< [trainer-thread & event]
};

extern const bool on;

/// Whether `plugin`, made on the thread of the moment `maker`, must not call `function` here and now. What it did is
/// said in the log at once, and kept for take_misuse().
bool breaks_rule(std::string_view plugin, const Moment* maker, const char* function, When when);

/// The same for a function of an event's map: the plugin is the callback that is being asked, by its name in the run.
bool breaks_rule(const Moment* maker, const char* function);

/// What a plugin did since it was last asked for, by either name; empty: nothing.
std::string take_misuse(const std::string& plugin);

}  // namespace trainer::call_check
