// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "trainer/host_context.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer::command {

/// Whether a tracker can be used here: "yes", "when named: REASON" or "no: REASON". Loads it.
std::string availability_text(const PluginFile& plugin, const HostContext& context);

}  // namespace trainer::command
