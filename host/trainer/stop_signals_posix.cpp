// SPDX-License-Identifier: Apache-2.0
#include <csignal>
#include <map>

#include "trainer/stop_signals.hpp"
#include "trainer/trainer.hpp"

namespace trainer {
namespace {

std::atomic<Trainer*> listener{nullptr};
volatile std::sig_atomic_t last_signal = 0;
std::map<int, struct sigaction> previous;

extern "C" void handle_stop_signal(int signal) {
  if (last_signal) {  // the second one, whichever it is, has its default effect
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  last_signal = signal;
  if (Trainer* trainer = listener.load()) trainer->request_stop();
}

}  // namespace

StopSignals::StopSignals(Trainer& trainer, const std::vector<int>& signals) : active_(listener.load() == nullptr) {
  if (!active_) return;
  last_signal = 0;
  listener = &trainer;
  struct sigaction action {};
  action.sa_handler = handle_stop_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) sigaction(signal, &action, &previous[signal]);
}

StopSignals::~StopSignals() {
  if (!active_) return;
  for (const auto& [signal, action] : previous) sigaction(signal, &action, nullptr);
  previous.clear();
  listener = nullptr;
}

int StopSignals::received() { return last_signal; }

}  // namespace trainer
