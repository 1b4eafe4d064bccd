// SPDX-License-Identifier: Apache-2.0
#include "trainer/stop_signals.hpp"

#include <atomic>
#include <csignal>
#include <map>

namespace trainer {
namespace {

std::atomic<void*> listener{nullptr};      // the trainer
void (*request_stop_of)(void*) = nullptr;  // set before it
volatile std::sig_atomic_t last_signal = 0;
std::map<int, struct sigaction> previous;

extern "C" void handle_stop_signal(int signal) {
  if (last_signal) {  // the second one, whichever it is, has its default effect
    std::signal(signal, SIG_DFL);
    std::raise(signal);
    return;
  }
  last_signal = signal;
  if (void* trainer = listener.load()) request_stop_of(trainer);
}

}  // namespace

StopSignals::StopSignals(void (*request_stop)(void*), void* trainer, const std::vector<int>& signals)
    : active_(listener.load() == nullptr) {
  if (!active_) return;
  last_signal = 0;
  request_stop_of = request_stop;
  listener = trainer;
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
