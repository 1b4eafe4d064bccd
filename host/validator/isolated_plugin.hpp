// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/plugin.h>

#include "trainer/plugin_file.hpp"

namespace trainer::validator {

/// A table whose instances each have a process of their own, where the plugin's file makes one: what is tried with it
/// is tried through that process. The process's only one, and valid to its end.
const trainer_plugin& isolated_plugin(const PluginFile& file);

}  // namespace trainer::validator
