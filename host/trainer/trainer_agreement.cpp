// SPDX-License-Identifier: Apache-2.0
//
// Where the processes of a run agree on the flags, on stopping and on learning rates, before anyone looks at them. A
// process alone has only its plugins' requests to obey.
#include <ATen/ATen.h>

#include <bit>
#include <initializer_list>
#include <typeinfo>

#include "ranks/agreement.hpp"
#include "trainer/builtin_callbacks.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {
namespace {

// Those that every run has set flags in the same way everywhere, or none.
bool may_set_flags(const CallbackEntry& entry) {
  const auto native = entry.native();
  if (!native) return true;
  const auto& type = typeid(*native);
  return type != typeid(DefaultFlowCallback) && type != typeid(PrinterCallback) && type != typeid(ProgressCallback);
}

bool may_set_flags(const CallbackHandler& handler, std::initializer_list<std::uint32_t> events) {
  for (const auto& entry : handler.entries())
    for (const std::uint32_t event : events)
      if (entry->on && slot_of(*entry->table, event) && may_set_flags(*entry)) return true;
  return false;
}

}  // namespace

void Trainer::Impl::begin_agreement() {
  agreement = {};
  if (group->alone()) return;
  flag_changes.clear();
  handler->watch_flags(&flag_changes);
}

// Callbacks come and go during a run, of one rank alone, too.
AgreementPace Trainer::Impl::pace_of_agreement() {
  const auto now = std::chrono::steady_clock::now();
  if (const auto steps = state.global_step - agreement.step; steps > 0)
    agreement.for_signals = pace_for_signals(steps, now - agreement.time);
  agreement.step = state.global_step;
  agreement.time = now;
  if (may_set_flags(*handler, {TRAINER_ON_STEP_BEGIN, TRAINER_ON_SUBSTEP_END})) return 0;
  if (may_set_flags(*handler, {TRAINER_ON_PRE_OPTIMIZER_STEP, TRAINER_ON_OPTIMIZER_STEP, TRAINER_ON_STEP_END}))
    return 1;
  return agreement.for_signals;
}

void Trainer::Impl::agree() {
  handler->obey_stop_requests();
  if (group->alone()) return;
  StopRequest stop;
  if (stop_requested.load(std::memory_order_relaxed)) stop = StopSignals::received();
  const bool within_step = handler->plugin_subscribed(TRAINER_ON_STEP_BEGIN) ||
                           handler->plugin_subscribed(TRAINER_ON_SUBSTEP_END) ||
                           handler->plugin_subscribed(TRAINER_ON_PRE_OPTIMIZER_STEP);
  AgreementNumbers numbers =
      propose(control, flag_changes, stop, within_step, pace_of_agreement(), group->rank(), group->world());
  group->min_of(numbers);
  const Agreed agreed = read_agreement(numbers, group->world());
  agreement.on_rates = agreed.within_step;
  if (agreed.rates) take_rates();
  flag_changes.clear();
  for (std::size_t i = 0; i < agreed.flags.size(); ++i)
    if (const auto& flag = agreed.flags[i]; flag.rank >= 0) handler->take_flag(i, flag.value, flag.rank, flag.entry);
  agreement.pace = agreed.pace;
  if (!agreed.stop) return;
  agreement.stop = true;
  if (*agreed.stop > 0) StopSignals::take(*agreed.stop);
}

// Just before an update; the flags that were set within the step keep until its end.
void Trainer::Impl::agree_on_rates() {
  if (!agreement.on_rates) return;
  std::int64_t none = flag_changes.rates.empty();
  group->min_of({&none, 1});
  if (none == 0) take_rates();
  flag_changes.rates.clear();
}

// Of each group that a rank has set the rate of, the present one of the lowest such rank becomes that of all: the
// schedule may have gone on from it since.
void Trainer::Impl::take_rates() {
  constexpr std::size_t width = 3;  // whether it was set, by which callback, the rate's bits
  const auto& param_groups = optimizer->param_groups();
  const std::size_t groups = param_groups.size();
  std::vector<std::int64_t> own(groups * width);
  for (const auto& [g, by] : flag_changes.rates) {
    if (g >= groups) continue;
    own[g * width] = 1;
    own[g * width + 1] = static_cast<std::int64_t>(by);
    own[g * width + 2] = std::bit_cast<std::int64_t>(static_cast<double>(param_groups[g].lr));
  }
  const at::Tensor all = group->all_gather(at::tensor(own, at::kLong).unsqueeze(0)).contiguous();
  for (std::size_t g = 0; g < groups; ++g)
    for (int rank = 0; rank < group->world(); ++rank) {
      const std::int64_t* of =
          all.const_data_ptr<std::int64_t>() + (static_cast<std::size_t>(rank) * groups + g) * width;
      if (of[0] == 0) continue;
      const auto lr = std::bit_cast<double>(of[2]);
      if (rank != group->rank()) plugin_groups->take_lr(g, lr, rank, static_cast<std::size_t>(of[1]));
      break;
    }
}

void Trainer::Impl::agree_after_substep() {
  if (!group->alone() && agreement.pace == 0) agree();
}

void Trainer::Impl::agree_after_step() {
  if (group->alone() || state.global_step - agreement.step >= agreement.pace) agree();
}

void Trainer::Impl::obey_stop_request() {
  const bool asked = group->alone() ? stop_requested.load(std::memory_order_relaxed) : agreement.stop;
  if (asked) control.should_training_stop = control.should_save = 1;
}

}  // namespace trainer
