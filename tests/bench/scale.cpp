// SPDX-License-Identifier: Apache-2.0
//
// What a very long run keeps: bytes of log_history for each log, and bytes of everything else.
//   scale LOGS
#include <malloc.h>

#include <trainer/builtin_callbacks.hpp>
#include <trainer/callback_handler.hpp>

#include "process.hpp"

namespace {

double allocated() { return static_cast<double>(mallinfo2().uordblks); }

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::int64_t logs = std::atoll(argv[1]);
  trainer::TrainingArguments args;
  trainer::TrainerState state;
  trainer::TrainerControl control;
  args.finalize();
  state.max_steps = logs + 1;
  state.compute_steps(args, logs + 1);
  trainer::CallbackHandler handler(args, state, control);
  handler.add(trainer::native_entry(std::make_shared<trainer::DefaultFlowCallback>()));

  const double before = allocated();
  auto start = bench::Clock::now();
  for (std::int64_t step = 1; step <= logs; ++step) {
    state.global_step = step;
    handler.call_event(TRAINER_ON_STEP_BEGIN);
    handler.call_event(TRAINER_ON_STEP_END);
  }
  const double without_logs = allocated() - before, events = bench::seconds_since(start);
  for (std::int64_t step = 1; step <= logs; ++step) {
    trainer::json::object entry{{"loss", 0.5}, {"grad_norm", 1.5}, {"learning_rate", 1e-3}, {"epoch", 0.25}};
    entry.emplace("step", step);
    state.log_history.push_back(std::move(entry));
  }
  const double kept = allocated() - before - without_logs;
  std::printf("{\"bytes_without_logs\": %.0f, \"bytes_a_log\": %.1f, \"ns_a_step\": %.1f}\n",
               without_logs, kept / static_cast<double>(logs), 1e9 * events / static_cast<double>(logs));
}
