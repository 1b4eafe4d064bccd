// SPDX-License-Identifier: Apache-2.0
//
// What an event costs: dispatch to subscribed callbacks and to none, and on_log of the trackers.
//   micro <plugin directory> [--benchmark_...]
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <trainer/callback_handler.hpp>
#include <trainer/callback_spec.hpp>
#include <trainer/host_context.hpp>
#include <trainer/log.hpp>
#include <trainer/plugin_registry.hpp>

#include "../support/count_allocations.hpp"

namespace {

using namespace trainer;
namespace fs = std::filesystem;

fs::path plugin_directory;

struct Run {
  Run() {
    directory = fs::temp_directory_path() / ("trainer_bench_" + std::to_string(std::rand()));
    fs::create_directories(directory);
    args.output_dir = directory.string();
    args.finalize();
    context.args = &args;
    context.state = &state;
  }
  ~Run() {
    std::error_code error;
    handler.reset();
    fs::remove_all(directory, error);
  }
  void add_plugin(const std::string& id) {
    handler->add(CallbackSpec::plugin(id).make(PluginRegistry({plugin_directory}), context));
  }

  fs::path directory;
  TrainingArguments args;
  TrainerState state;
  TrainerControl control;
  HostContext context;
  std::unique_ptr<CallbackHandler> handler = std::make_unique<CallbackHandler>(args, state, control);
};

// A plugin as the host sees it: a table of its own, behind no C++ wrapper.
std::uint64_t seen = 0;
std::int32_t count_event(trainer_callback*, const trainer_event* event) {
  seen += static_cast<std::uint64_t>(event->state->global_step);
  return TRAINER_OK;
}

struct TableEntry final : CallbackEntry {
  explicit TableEntry(int number, bool on_step_end) {
    name = class_name = "plugin " + std::to_string(number);
    slots.struct_size = sizeof slots;
    (on_step_end ? slots.on_step_end : slots.on_save) = count_event;
    table = &slots;
  }
  trainer_callback slots{};
};

// The cost of an event with `range(0)` plugins that listen to it; the slope is that of one plugin.
void dispatch(benchmark::State& bench) {
  Run run;
  const auto plugins = static_cast<int>(bench.range(0));
  for (int i = 0; i < plugins; ++i) run.handler->add(std::make_shared<TableEntry>(i, true));
  for (auto _ : bench) {
    ++run.state.global_step;
    run.handler->call_event(TRAINER_ON_STEP_END);
  }
  benchmark::DoNotOptimize(seen);
}
BENCHMARK(dispatch)->Arg(1)->Arg(16)->Arg(64);

void dispatch_none_of_64(benchmark::State& bench) {
  Run run;
  for (int i = 0; i < 64; ++i) run.handler->add(std::make_shared<TableEntry>(i, false));
  for (auto _ : bench) {
    run.handler->call_event(TRAINER_ON_STEP_END);
    benchmark::ClobberMemory();  // or the test would be made once, before the loop
  }
}
BENCHMARK(dispatch_none_of_64);

json::object ten_scalars() {
  json::object logs;
  for (int i = 0; i < 10; ++i) logs.emplace("metric_" + std::to_string(i), 0.1 * i + 1.0 / 3);
  return logs;
}

// Each call of a file's writer ends in one write(), as in a run.
void on_log(benchmark::State& bench, const std::string& plugin) {
  Run run;
  if (!plugin.empty())
    run.add_plugin(plugin);
  else
    run.handler->add(std::make_shared<TableEntry>(0, false));
  run.handler->call_event(TRAINER_ON_TRAIN_BEGIN);
  json::object logs = ten_scalars();
  auto log = [&] {
    ++run.state.global_step;
    run.handler->call_event(TRAINER_ON_LOG, &logs);
  };
  for (int i = 0; i < 100; ++i) log();
  const long before = test::allocations;
  for (auto _ : bench) log();
  bench.counters["allocations"] =
      static_cast<double>(test::allocations - before) / static_cast<double>(bench.iterations());
  run.handler->call_event(TRAINER_ON_TRAIN_END);
}
BENCHMARK_CAPTURE(on_log, csv, "csv");
BENCHMARK_CAPTURE(on_log, tensorboard, "tensorboard");
BENCHMARK_CAPTURE(on_log, html, "html");  // which writes its page every few seconds only

// Ten scalars of ten thousand names, ten others each time; all have been seen before.
void on_log_of_many_keys(benchmark::State& bench, const std::string& plugin) {
  constexpr std::size_t keys = 10'000;
  Run run;
  run.add_plugin(plugin);
  run.handler->call_event(TRAINER_ON_TRAIN_BEGIN);
  std::vector<json::object> logs(keys / 10);
  for (std::size_t key = 0; key < keys; ++key)
    logs[key / 10].emplace("metric_" + std::to_string(key), 1.0 / static_cast<double>(key + 3));
  json::object all;
  for (const auto& part : logs) all.insert(part.begin(), part.end());
  run.handler->call_event(TRAINER_ON_LOG, &all);
  std::size_t at = 0;
  for (auto _ : bench) {
    ++run.state.global_step;
    run.handler->call_event(TRAINER_ON_LOG, &logs[at++ % logs.size()]);
  }
  run.handler->call_event(TRAINER_ON_TRAIN_END);
}
BENCHMARK_CAPTURE(on_log_of_many_keys, csv, "csv");
BENCHMARK_CAPTURE(on_log_of_many_keys, tensorboard, "tensorboard");

// A whole run as codecarbon sees it, over at once: the plugin is loaded, measures, and writes a row of emissions.csv.
void measured_run(benchmark::State& bench) {
  for (auto _ : bench) {
    Run run;
    run.add_plugin("codecarbon");
    for (const auto kind : {TRAINER_ON_INIT_END, TRAINER_ON_TRAIN_BEGIN, TRAINER_ON_TRAIN_END})
      run.handler->call_event(kind);
    if (!fs::exists(run.directory / "emissions.csv")) bench.SkipWithError("there is no emissions.csv");
  }
}
BENCHMARK(measured_run)->Iterations(20)->UseRealTime();

// What the operating system takes of it: one append of as many bytes as a log is.
void append_only(benchmark::State& bench) {
  const Run run;
  std::ofstream file(run.directory / "plain", std::ios::binary);
  const std::string bytes(static_cast<std::size_t>(bench.range(0)), 'x');
  for (auto _ : bench) file.write(bytes.data(), bench.range(0)).flush();
}
BENCHMARK(append_only)->Name("append_bytes")->Arg(210)->Arg(590);

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 2;
  plugin_directory = argv[1];
  ::setenv("CODECARBON_COUNTRY_ISO_CODE", "FRA", 1);
  log::set_level(log::Level::warning);
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
}
