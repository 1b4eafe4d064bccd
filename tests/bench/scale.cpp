// SPDX-License-Identifier: Apache-2.0
//
// What a very long run keeps: bytes of log_history for each log, with and without a limit, and bytes of everything
// else.
//   scale LOGS
#include <malloc.h>

#include <trainer/builtin_callbacks.hpp>
#include <trainer/callback_handler.hpp>

#include <algorithm>

#include "process.hpp"

namespace {

constexpr std::size_t limit = 1000;

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
  const auto log = [&](std::int64_t step) {
    trainer::json::object entry{{"loss", 0.5}, {"grad_norm", 1.5}, {"learning_rate", 1e-3}, {"epoch", 0.25}};
    entry.emplace("step", step);
    state.log_history.push_back(std::move(entry));
  };
  for (std::int64_t step = 1; step <= logs; ++step) {  // as Trainer::log does with log_history_limit
    log(step);
    if (state.log_history.size() > limit) state.log_history.pop_front();
  }
  const double limited = allocated() - before - without_logs;
  state.log_history.clear();
  const double empty = allocated();
  const std::int64_t few = std::min<std::int64_t>(logs, 1'000'000);
  for (std::int64_t step = 1; step <= few; ++step) log(step);
  const double kept = allocated() - empty;
  std::printf("{\"bytes_without_logs\": %.0f, \"bytes_limited\": %.0f, \"bytes_a_log\": %.1f, \"ns_a_step\": %.1f}\n",
              without_logs, limited, kept / static_cast<double>(few), 1e9 * events / static_cast<double>(logs));
}
