// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "trainer/callback_entry.hpp"
#include "trainer/process.hpp"

namespace trainer {

class PluginLibrary;

/// Where the plugin says that it runs (ext/ranks.h); all when it does not say it.
RunsOn runs_on(const PluginLibrary& library);

/// Stands for an instance that another process has: it gets no event and has no state, and is in its place of the
/// order.
std::shared_ptr<CallbackEntry> make_elsewhere_entry(const PluginFile& file);

}  // namespace trainer
