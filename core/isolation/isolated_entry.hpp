// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "isolation/plugin_answers.hpp"
#include "isolation/plugin_process.hpp"
#include "trainer/callback_entry.hpp"

namespace trainer {

/// Makes the instance of a plugin in its process. `config` is what the run gives, checked there against the plugin's
/// note; `where` names its place for messages. Throws an Error as make_plugin_entry() does, and for a process that does
/// not answer.
std::shared_ptr<CallbackEntry> make_isolated_entry(std::shared_ptr<isolation::PluginProcess> process,
                                                   const json::object& config, OnError on_error,
                                                   const HostContext& context, std::string where);

/// What an entry of make_isolated_entry() has.
const isolation::Created& created(const CallbackEntry& isolated);

}  // namespace trainer
