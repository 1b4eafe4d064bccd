// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <trainer/host.h>

#include <string>

namespace trainer {

class PluginLibrary;

/// What a tracker says of its use here (ext/tracker.h).
struct Availability {
  enum Use {
    yes,
    when_named,  ///< not configured: "all" leaves it out
    no,
  };
  Use use = yes;
  std::string reason;  ///< and what to set; empty with `yes`
};

/// Asks the tracker; `yes` when it does not offer the extension. `host` serves log, set_error and
/// argument.
Availability ask_availability(const PluginLibrary& library, const trainer_host* host);

}  // namespace trainer
