// SPDX-License-Identifier: Apache-2.0
//
// What the events of a plugin in a process of its own cost the training loop, and which memory they take.
//   isolation <plugin directory> EVENTS <directory for files>
#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <trainer/callback_handler.hpp>
#include <trainer/callback_spec.hpp>
#include <trainer/host_context.hpp>
#include <trainer/log.hpp>
#include <trainer/plugin_registry.hpp>

#include "../support/count_allocations.hpp"
#include "process.hpp"

namespace {

using namespace trainer;
namespace fs = std::filesystem;

std::string output_dir;

struct Run {
  Run(const fs::path& plugins, const std::string& id, json::object config, bool wait) {
    args.output_dir = output_dir;
    args.finalize();
    state.max_steps = std::int64_t{1} << 40;
    context.args = &args;
    context.state = &state;
    PluginCallback callback{.plugin = id, .config = std::move(config)};
    callback.isolation = Isolation{.process = true, .wait = wait};
    handler->add(CallbackSpec::plugin(callback).make(PluginRegistry({plugins}), context));
    handler->call_event(TRAINER_ON_INIT_END);
    handler->call_event(TRAINER_ON_TRAIN_BEGIN);
  }
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  HostContext context;
  std::unique_ptr<CallbackHandler> handler = std::make_unique<CallbackHandler>(args, state, control);
};

struct Measured {
  double ns = 0, allocations = 0, kilobytes = 0;
};

// Of each event, from the first until the loop may go on after the last.
template <typename Event>
Measured measure(std::int64_t events, const Event& event) {
  for (std::int64_t i = 0; i < 1000; ++i) event(i);
  const auto kilobytes = bench::memory_kb("VmRSS");
  const auto allocations = test::allocations.load();
  const auto start = bench::Clock::now();
  for (std::int64_t i = 1000; i < 1000 + events; ++i) event(i);
  const auto count = static_cast<double>(events);
  Measured out{1e9 * bench::seconds_since(start) / count, 0, 0};
  out.allocations = static_cast<double>(test::allocations.load() - allocations) / count;
  out.kilobytes = static_cast<double>(bench::memory_kb("VmRSS") - kilobytes);
  return out;
}

Measured steps(const fs::path& plugins, std::int64_t events, bool wait) {
  Run run(plugins, "stopper", {{"on", "none"}}, wait);
  return measure(events, [&](std::int64_t step) {
    run.state.global_step = step;
    run.handler->call_event(TRAINER_ON_STEP_BEGIN);
  });
}

Measured logs(const fs::path& plugins, std::int64_t events) {
  Run run(plugins, "csv", {}, false);
  json::object values{{"loss", 0.5}, {"grad_norm", 1.5}, {"learning_rate", 1e-3}, {"epoch", 0.25}};
  return measure(events, [&](std::int64_t step) {
    run.state.global_step = step;
    run.handler->call_event(TRAINER_ON_LOG, &values);
  });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  output_dir = argv[3];
  const std::int64_t events = std::atoll(argv[2]);
  const fs::path plugins = argv[1];
  log::set_level(log::Level::warning);
  const Measured one_way = steps(plugins, events, false);
  const Measured waited = steps(plugins, std::min<std::int64_t>(events, 20000), true);
  const Measured logged = logs(plugins, std::min<std::int64_t>(events, 100000));
  std::printf("{\"ns\": %.1f, \"allocations\": %.6f, \"kilobytes\": %.0f, \"waited_us\": %.2f, \"log_ns\": %.1f}\n",
              one_way.ns, one_way.allocations, one_way.kilobytes, waited.ns / 1000, logged.ns);
}
