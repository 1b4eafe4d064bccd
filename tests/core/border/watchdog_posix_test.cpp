// SPDX-License-Identifier: Apache-2.0
#include "border/watchdog.hpp"

#include <gmock/gmock.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "border/plugin_call.hpp"
#include "trainer/log.hpp"

using namespace trainer;
using testing::HasSubstr;

namespace {

struct WatchdogTest : testing::Test {
  WatchdogTest() {
    ::setenv("TRAINER_PLUGIN_DEADLINE", "0.01", 1);
    log::set_sink([this](log::Level, std::string_view text) {
      const std::lock_guard lock(mutex);
      lines.emplace_back(text);
      told.notify_all();
    });
  }
  ~WatchdogTest() override {
    log::set_sink({});
    ::unsetenv("TRAINER_PLUGIN_DEADLINE");
  }
  void wait_for_lines(std::size_t count) {
    std::unique_lock lock(mutex);
    EXPECT_TRUE(told.wait_for(lock, std::chrono::seconds(20), [&] { return lines.size() >= count; }));
  }
  std::mutex mutex;
  std::condition_variable told;
  std::vector<std::string> lines;
};

TEST_F(WatchdogTest, TellsOnceWhoHoldsUpTheRun) {
  const Watchdog watchdog;
  moment().step = -1;
  call_plugin({"slow", Call::create, ""}, [&] { wait_for_lines(1); });
  moment().step = 12;
  call_plugin({"slow", Call::destroy, ""}, [&] { wait_for_lines(2); });
  std::thread([&] { call_plugin({"other", Call::line, ""}, [&] { wait_for_lines(3); }); }).join();
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_THAT(lines[0],
              testing::MatchesRegex("callback slow holds up the run: it has been in create for [0-9.]+ s; the "
                                    "run waits for it .*--without slow.*callback.slow."));
  EXPECT_THAT(lines[1], HasSubstr("it has been in destroy at step 12 for "));
  EXPECT_THAT(lines[2], HasSubstr("callback other holds up the run: it has been in trainer.console/1 line"));
}

TEST_F(WatchdogTest, AProcessThatIsForkedOffEndsWithoutItsThread) {
  auto watchdog = std::make_unique<Watchdog>();
  const pid_t child = ::fork();
  if (child == 0) {
    watchdog.reset();
    ::_exit(0);
  }
  int status = 1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

TEST_F(WatchdogTest, TheDeadlineIsANumberOfSeconds) {
  EXPECT_EQ(Watchdog::deadline().count(), 0.01);
  ::setenv("TRAINER_PLUGIN_DEADLINE", "soon", 1);
  EXPECT_THROW(Watchdog(), Error);
  ::unsetenv("TRAINER_PLUGIN_DEADLINE");
  EXPECT_EQ(Watchdog::deadline().count(), 60);
  ::setenv("TRAINER_PLUGIN_DEADLINE", "0", 1);
  const Watchdog nobody_watches;
}

}  // namespace
