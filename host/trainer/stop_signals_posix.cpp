// SPDX-License-Identifier: Apache-2.0
#include "trainer/stop_signals.hpp"

#include <atomic>
#include <csignal>
#include <map>

#include "ranks/process_group.hpp"

namespace trainer {
namespace {

std::atomic<void*> listener{nullptr};      // the trainer
void (*request_stop_of)(void*) = nullptr;  // set before it
volatile std::sig_atomic_t last_signal = 0;
volatile std::sig_atomic_t taken = 0;    // it is another process's
volatile std::sig_atomic_t several = 0;  // processes
std::map<int, struct sigaction> previous;

extern "C" void handle_stop_signal(int signal) {
  const bool first = taken != 0;  // that this process gets itself
  taken = 0;
  if (last_signal && several && (first || signal == SIGTERM)) return;
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
  taken = 0;
  several = !process_ranks().alone();
  request_stop_of = request_stop;
  listener = trainer;
  struct sigaction action {};
  action.sa_handler = handle_stop_signal;
  action.sa_flags = SA_RESTART;
  for (const int signal : signals) {
    struct sigaction before {};
    sigaction(signal, &action, &before);
    previous.try_emplace(signal, before);  // one that is there was kept by the training before
  }
}

StopSignals::~StopSignals() {
  if (!active_) return;
  std::erase_if(previous, [](const auto& one) {
    if (several && last_signal && one.first == SIGTERM) return false;
    sigaction(one.first, &one.second, nullptr);
    return true;
  });
  listener = nullptr;
}

int StopSignals::received() { return last_signal; }

void StopSignals::take(int signal) {
  if (last_signal) return;
  taken = 1;
  last_signal = signal;
}

}  // namespace trainer
