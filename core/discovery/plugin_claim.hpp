// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <string>

namespace trainer {

/// What a file that is of no use says that it is.
struct PluginClaim {
  std::string id, report_to;  ///< empty: it does not say
};

/// Looks for a plugin's note anywhere in a file, for a sentence: it may be for another machine, another contract or
/// another system, or damaged. Nothing of it is to be relied on.
PluginClaim plugin_claim(const std::filesystem::path& path);

}  // namespace trainer
