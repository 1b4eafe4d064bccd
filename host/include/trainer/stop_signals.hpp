// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

namespace trainer {

/// While it lives, the first of these signals asks a Trainer to stop after its step
/// (Trainer::request_stop); a second one ends the process at once, as without it. One at a time in
/// a process; inside another one it does nothing. Of several processes a signal to one stops all; a second SIGTERM,
/// which a scheduler and a launcher may both send, is then nothing new.
class StopSignals {
 public:
  template <typename Trainer>
  StopSignals(Trainer& trainer, const std::vector<int>& signals)  ///< SIGINT, SIGTERM
      : StopSignals([](void* one) { static_cast<Trainer*>(one)->request_stop(); }, &trainer, signals) {}
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;

  static int received();         ///< the signal that came since the last one was made; 0: none
  static void take(int signal);  ///< one that another process of the run received

 private:
  StopSignals(void (*request_stop)(void*), void* trainer, const std::vector<int>& signals);

  bool active_;
};

}  // namespace trainer
