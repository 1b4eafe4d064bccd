// SPDX-License-Identifier: Apache-2.0
//
// Ctrl-C and Ctrl-Break, and the end of the console or of the session; the system tells them on a thread of its own.
#include "trainer/stop_signals.hpp"

#include <atomic>
#include <csignal>

#include "base/windows.hpp"

namespace trainer {
namespace {

std::atomic<void*> listener{nullptr};      // the trainer
void (*request_stop_of)(void*) = nullptr;  // set before it
std::atomic<int> last_signal{0};

bool ends_at_once(DWORD event) {
  return event == CTRL_CLOSE_EVENT || event == CTRL_LOGOFF_EVENT || event == CTRL_SHUTDOWN_EVENT;
}

/// The second one has its default effect, the end. Of a closed window, a log-off or a shutdown the process ends when
/// this returns, and after 5 s at the latest: until then the run may write its checkpoint.
BOOL WINAPI handle_stop(DWORD event) {
  if (last_signal.exchange(event == CTRL_C_EVENT ? SIGINT : SIGTERM) != 0) return FALSE;
  void* const trainer = listener.load();
  if (trainer == nullptr) return FALSE;
  request_stop_of(trainer);
  while (ends_at_once(event) && listener.load() != nullptr) ::Sleep(20);
  return TRUE;
}

}  // namespace

/// Which signals, the system decides: all that it has end a program.
StopSignals::StopSignals(void (*request_stop)(void*), void* trainer, const std::vector<int>&)
    : active_(listener.load() == nullptr) {
  if (!active_) return;
  last_signal = 0;
  request_stop_of = request_stop;
  listener = trainer;
  ::SetConsoleCtrlHandler(handle_stop, TRUE);
}

StopSignals::~StopSignals() {
  if (!active_) return;
  ::SetConsoleCtrlHandler(handle_stop, FALSE);
  listener = nullptr;
}

int StopSignals::received() { return last_signal; }

void StopSignals::take(int signal) {
  int none = 0;
  last_signal.compare_exchange_strong(none, signal);
}

}  // namespace trainer
