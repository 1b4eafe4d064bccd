// SPDX-License-Identifier: Apache-2.0
//
// The end of a training, as callbacks are told it, and where they say that their results are.
#include "trainer/log.hpp"
#include "trainer/stop_signals.hpp"
#include "trainer/trainer_impl.hpp"

namespace trainer {

// Of one that did not fail, within it: afterwards a request to stop is forgotten.
TrainingOutcome Trainer::Impl::how_it_ended() const {
  using Kind = TrainingOutcome::Kind;
  TrainingOutcome out{.global_step = state.global_step, .max_steps = state.max_steps, .epoch = state.epoch};
  if (!control.should_training_stop || state.global_step >= state.max_steps) return out;
  const bool asked = agreement.stop || stop_requested.load(std::memory_order_relaxed);
  out.kind = asked && StopSignals::received() ? Kind::interrupted : Kind::stopped;
  if (out.kind == Kind::interrupted)
    out.signal = StopSignals::received();
  else
    out.by = handler->stopped_by();
  return out;
}

void Trainer::Impl::end_training(const Error* error) {
  if (error) {
    outcome = {.kind = TrainingOutcome::Kind::failed, .error = error->sentence(), .error_id = error->id().text};
    if (counted)
      outcome.global_step = state.global_step, outcome.max_steps = state.max_steps, outcome.epoch = state.epoch;
  }
  std::exception_ptr failure;
  try {
    handler->tell_outcome(outcome);
  } catch (const Error&) {
    failure = std::current_exception();
  }
  results = handler->results();
  // Without the lock output_dir is another training's.
  if (lock && group->rank() == 0) keep_plugin_results(args.output_dir, results);
  if (failure) std::rethrow_exception(failure);
}

const std::vector<PluginResult>& Trainer::plugin_results() const { return impl_->results; }

}  // namespace trainer
