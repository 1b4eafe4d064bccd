// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "trainer/host_context.hpp"
#include "trainer/plugin_file.hpp"

namespace trainer::command {

/// Whether a tracker can be used here: "yes", "when named" or "no", and why not.
struct Available {
  std::string word, reason;
};

/// Loads it.
Available availability_of(const PluginFile& plugin, const HostContext& context);

}  // namespace trainer::command
