// SPDX-License-Identifier: Apache-2.0
//
// Several trainers in one process, each on its own thread: they load plugins at the same time, count what callbacks
// cost, and their plugins log from any thread. Worth most under the thread sanitizer (preset tsan).
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "border/log_limit.hpp"
#include "loading/plugin_entry.hpp"
#include "loading/plugin_library.hpp"
#include "support/plugin_builder.hpp"
#include "trainer/callback_handler.hpp"
#include "trainer/event_names.hpp"
#include "trainer/log.hpp"

using namespace trainer;
using namespace plugin_builder;

namespace {

constexpr int threads = 4, steps = 300;

// Runs f(0) ... f(threads - 1) at the same time.
template <typename F>
void at_once(F&& f) {
  std::vector<std::thread> running;
  for (int i = 0; i < threads; ++i) running.emplace_back(f, i);
  for (auto& thread : running) thread.join();
}

TEST(ThreadsTest, LoadCountAndLog) {
  TemporaryDirectory directory;
  for (int i = 0; i < threads; ++i)
    compile(directory.path() / ("p" + std::to_string(i) + ".so"), good("p" + std::to_string(i)));
  std::atomic<int> lines{0};
  log::set_sink([&](log::Level, std::string_view) { ++lines; });
  at_once([&](int thread) {
    TrainingArguments args;
    TrainerState state;
    TrainerControl control;
    CallbackHandler handler(args, state, control);
    HostContext context;
    context.args = &args;
    context.state = &state;
    for (int i = 0; i < threads; ++i) {  // each thread begins with another one
      const auto file = read_plugin_file(directory.path() / ("p" + std::to_string((thread + i) % threads) + ".so"));
      handler.add(make_plugin_entry(PluginLibrary::load(file), {}, OnError::fail, context, "test"));
    }
    json::object logs{{"loss", 0.5}};
    for (int step = 0; step < steps; ++step) handler.call_event(TRAINER_ON_LOG, &logs);
    for (const auto& entry : handler.entries()) EXPECT_EQ(entry->cost.calls, static_cast<std::uint64_t>(steps));
    for (int i = 0; i < 10; ++i) log::info("a line");
  });
  log::set_sink({});
  EXPECT_GE(lines, threads * 10);
}

TEST(ThreadsTest, AllLinesAreCounted) {
  LogLimit limit;
  std::atomic<std::uint64_t> written{0}, left_out{0};
  at_once([&](int) {
    for (int i = 0; i < 10000; ++i) {
      const auto [write, before] = limit.next();
      written += write;
      left_out += before;
    }
  });
  EXPECT_EQ(written + left_out + limit.take_left_out(), 10000u * threads);
  EXPECT_GE(written, LogLimit::lines_a_second);
}

}  // namespace
