// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "trainer/callback_entry.hpp"
#include "trainer/host_context.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {

class PluginLibrary;

/// Makes an instance of a plugin that is in memory. `config` is what the run gives, checked here against the plugin's
/// note; `where` names its place for messages. Throws an Error when the configuration is refused, or the instance
/// disagrees with the note.
std::shared_ptr<CallbackEntry> make_plugin_entry(std::shared_ptr<PluginLibrary> library, const json::object& config,
                                                 OnError on_error, const HostContext& context, std::string_view where);

}  // namespace trainer
