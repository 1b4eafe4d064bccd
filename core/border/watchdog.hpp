// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace trainer {

/// While one lives, a thread looks now and then whether a call into a callback goes on for longer than the deadline,
/// and says so once: who holds up the run, and in what. It ends nothing, and says nothing while a debugger holds the
/// process. Those that call have no part in it but their moments.
class Watchdog {
 public:
  Watchdog();
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;

  /// TRAINER_PLUGIN_DEADLINE in seconds, 60 by default; 0: nobody watches.
  static std::chrono::duration<double> deadline();
};

}  // namespace trainer
