// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "trainer/host_context.hpp"
#include "trainer/plugin_registry.hpp"

namespace trainer {

/// Why a tracker cannot be used here (not configured), or nothing when it can. Loads the plugin.
std::optional<std::string> why_unavailable(const PluginFile& file, const HostContext& context);

/// The tracker plugins that args.report_to means, in the order in which they are called. "all":
/// every installed tracker that is available, in transformers' order and then by name; "none" or an
/// empty list: none; names: those, in the order given. A name that is missing or unavailable is an
/// Error that says why, what there is, and what to do.
std::vector<PluginFile> resolve_report_to(const std::vector<std::string>& report_to,
                                          const PluginRegistry& registry,
                                          const HostContext& context);

}  // namespace trainer
