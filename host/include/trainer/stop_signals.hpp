// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace trainer {

class Trainer;

/// While it lives, the first of these signals asks a Trainer to stop after its step
/// (Trainer::request_stop); a second one ends the process at once, as without it. One at a time in
/// a process; inside another one it does nothing.
class StopSignals {
 public:
  StopSignals(Trainer& trainer, const std::vector<int>& signals);  ///< SIGINT, SIGTERM
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;

  static int received();  ///< the signal that came since the last one was made; 0: none

 private:
  bool active_;
};

}  // namespace trainer
