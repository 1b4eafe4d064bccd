// SPDX-License-Identifier: Apache-2.0
//
// Where the processes of a run agree on the flags and on stopping, before anyone looks at them. Of a process alone
// nothing here does anything.
#include "ranks/agreement.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {

void Trainer::Impl::begin_agreement() {
  stop_agreed = false;
  if (group->alone()) return;
  flag_changes.clear();
  handler->watch_flags(&flag_changes);
  // Micro-batches within a window wait for nobody unless a callback of any rank may have stopped it before their end.
  std::int64_t listeners = handler->subscribed(TRAINER_ON_STEP_BEGIN) + handler->subscribed(TRAINER_ON_SUBSTEP_END);
  group->sum_of({&listeners, 1});
  agrees_on_substeps = listeners > 0;
}

void Trainer::Impl::agree() {
  if (group->alone()) return;
  StopRequest stop;
  if (stop_requested.load(std::memory_order_relaxed)) stop = StopSignals::received();
  AgreementNumbers numbers = propose(control, flag_changes, stop, group->rank(), group->world());
  group->min_of(numbers);
  flag_changes.clear();
  const Agreed agreed = read_agreement(numbers, group->world());
  for (std::size_t i = 0; i < agreed.flags.size(); ++i)
    if (const auto& flag = agreed.flags[i]; flag.rank >= 0) handler->take_flag(i, flag.value, flag.rank, flag.entry);
  if (!agreed.stop) return;
  stop_agreed = true;
  if (*agreed.stop > 0) StopSignals::take(*agreed.stop);
}

void Trainer::Impl::obey_stop_request() {
  const bool asked = group->alone() ? stop_requested.load(std::memory_order_relaxed) : stop_agreed;
  if (asked) control.should_training_stop = control.should_save = 1;
}

}  // namespace trainer
